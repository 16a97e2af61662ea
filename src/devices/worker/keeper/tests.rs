use super::*;
use std::{
    sync::mpsc::{self, Receiver},
    time::Instant,
};

/// A shell that stands in for the sampler; `$@` are its orders.
fn keeper(script: &'static str) -> (Keeper, Receiver<Frame>) {
    let (send, receive) = mpsc::channel();
    let program: Program = Arc::new(move || {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sampler"]);
        command
    });
    let keeper = Keeper::start(program, Group::Dcu, Only::All, move |frame| drop(send.send(frame))).expect("starts");
    (keeper, receive)
}

fn trouble(frames: &Receiver<Frame>, kind: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let frame = frames.recv_timeout(until.saturating_duration_since(Instant::now())).expect("comes in time");
        if let Frame::Trouble(trouble) = frame
            && trouble.kind == kind
        {
            return trouble.said.en;
        }
    }
}

/// What `progress` holds in a call that began at the boot and may take a microsecond.
const HANG: &str = r"head -c 8 /dev/zero; printf '\001\000\000\000\000\000\000\000dev_busy'; head -c 72 /dev/zero";

#[test]
fn frames_come_through_and_words_on_stderr_are_told_once_and_clean() {
    let (_keeper, frames) = keeper(r#"echo '{"processes":[]}'; printf 'bad\033[2Jword\nbad\033[2Jword\n' >&2; exec sleep 60"#);
    let mut both = [(); 2].map(|()| frames.recv_timeout(Duration::from_secs(30)).expect("comes in time"));
    // Two pipes: which is read first is left open.
    both.sort_by_key(|frame| matches!(frame, Frame::Trouble(_)));
    let said = Trouble::new("sampler.said", crate::base::Said::same("badword"));
    assert_eq!(both, [Frame::Processes(Vec::new()), Frame::Trouble(said)]);
    assert!(frames.recv_timeout(Duration::from_millis(200)).is_err());
}

#[test]
fn a_sampler_that_aborts_in_a_call_starts_again_without_that_call() {
    const SCRIPT: &str = r#"case "$*" in
        *"--without dev_busy"*) echo '{"processes":[]}'; exec sleep 60;;
        *) { head -c 8 /dev/zero; printf '\377\377\377\377\377\377\377\377dev_busy'; head -c 72 /dev/zero; } 1<>/dev/stdin; kill -ABRT $$;;
    esac"#;
    let (_keeper, frames) = keeper(SCRIPT);
    let said = trouble(&frames, "sampler.died");
    assert!(said.contains("ended in dev_busy (signal 6)") && said.contains("without it"), "{said}");
    assert_eq!(frames.recv_timeout(Duration::from_secs(30)), Ok(Frame::Processes(Vec::new())));
}

#[test]
fn a_sampler_that_hangs_in_a_call_is_ended_and_started_again() {
    let script: &'static str = Box::leak(format!("{{ {HANG}; }} 1<>/dev/stdin; exec sleep 600").into_boxed_str());
    let (keeper, frames) = keeper(script);
    assert!(trouble(&frames, "sampler.hung").starts_with("dev_busy hangs"));
    assert!(trouble(&frames, "sampler.hung").starts_with("dev_busy hung again; starting the dcu sampler without it"));
    let began = Instant::now();
    drop(keeper);
    assert!(began.elapsed() < Duration::from_secs(5), "stopping waits for nothing");
}

#[test]
fn a_sampler_that_was_killed_is_started_again_with_all_its_calls() {
    let (_keeper, frames) = keeper(r#"echo "$*" >&2; kill -KILL $$"#);
    assert_eq!(trouble(&frames, "sampler.said"), "__worker devices dcu --source all");
    assert!(trouble(&frames, "sampler.died").contains("signal 9"));
    assert_eq!(trouble(&frames, "sampler.said"), "__worker devices dcu --source all");
}

#[test]
fn what_is_no_frame_ends_the_sampler_that_wrote_it() {
    let (_keeper, frames) = keeper("echo hello; exec sleep 600");
    trouble(&frames, "sampler.garbage");
    trouble(&frames, "sampler.died");
}
