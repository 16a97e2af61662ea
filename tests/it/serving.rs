//! Servers as jobs: found by what their folders say, and told apart from those that ended.
#![expect(clippy::expect_used, reason = "what a test expects it says")]

use crate::program;
use dcudeck::{
    base::Exit,
    jobs::{self, Job, New, State},
    serving::{self, Listening, embedded},
    workspace::Workspace,
};
use std::{net::TcpListener, time::Duration};

const DEADLINE: Duration = Duration::from_secs(30);

struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn workspace(&self) -> Workspace {
        Workspace::at(self.0.path().join("ws"))
    }

    /// A job of the engine's kind that a shell stands in for; its own folder is `$JOBS/*/`.
    fn server(&self, script: &str) -> Job {
        let mut new = New::foreign(serving::ENGINE, "server", ["sh", "-c", script].map(str::to_owned).to_vec());
        new.env = vec![
            ("DCUDECK_EXE".to_owned(), env!("CARGO_BIN_EXE_dcudeck").to_owned()),
            ("XDG_STATE_HOME".to_owned(), self.0.path().join("state").display().to_string()),
        ];
        jobs::start(&self.workspace(), new).expect("starts")
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for job in jobs::list(&self.workspace()) {
            let _ = job.stop(Duration::ZERO);
            job.wait(Duration::from_secs(5));
        }
    }
}

#[test]
fn a_server_is_found_while_it_loads_has_a_url_once_it_listens_and_is_gone_when_it_ended() {
    let ground = Ground::new();
    let job = ground.server("exec sleep 1000");
    let running = serving::servers(&ground.workspace());
    assert_eq!(running.iter().map(|server| (server.job.id(), server.listening.clone())).collect::<Vec<_>>(), [(job.id(), None)]);

    let waiting = job.clone();
    let waiter = std::thread::spawn(move || embedded::until_listening(&waiting, DEADLINE));
    let document = serde_json::json!({"schema": "dcudeck.engine.listening/1", "url": "http://127.0.0.1:4711", "model": "m", "pid": 1});
    serving::announce(job.dir(), &document).expect("writes");
    let listening = waiter.join().expect("returns").expect("listens");
    assert_eq!(listening, Listening { url: "http://127.0.0.1:4711".to_owned(), model: "m".to_owned() });
    assert_eq!(serving::url_of(&job).as_deref(), Some("http://127.0.0.1:4711"));

    job.stop(Duration::ZERO).expect("signals");
    assert_eq!(job.wait(DEADLINE), State::Exited);
    assert_eq!((serving::url_of(&job), serving::servers(&ground.workspace())), (None, Vec::new()));
}

#[test]
fn an_engine_that_ends_before_it_listens_is_told_with_its_last_words_and_its_log() {
    let ground = Ground::new();
    let job = ground.server("echo loading; printf 'model.safetensors: truncated \\033[31mat 12 bytes\\n\\n'; exit 2");
    let problem = embedded::until_listening(&job, DEADLINE).expect_err("ended");
    let sentence = problem.to_string();
    assert!(
        sentence.starts_with("the engine ended before it listened (failed): model.safetensors: truncated at 12 bytes; its log: "),
        "{sentence}"
    );
    assert!(sentence.ends_with(&job.log().display().to_string()));
}

#[test]
fn a_server_that_never_listens_is_not_awaited_for_ever() {
    let ground = Ground::new();
    let job = ground.server("exec sleep 1000");
    let problem = embedded::until_listening(&job, Duration::from_millis(1)).expect_err("not yet");
    assert_eq!(problem.kind(), "serving.not_listening");
}

#[test]
fn a_server_says_what_it_serves() {
    let ground = Ground::new();
    let sim = program::Server::start(ground.0.path(), &["sim", "--model", "sim-model"]);
    for url in [sim.url.clone(), format!("{}/v1/", sim.url)] {
        let server = serving::probe(&url, None, DEADLINE).expect("answers");
        assert_eq!(server.url, sim.url);
        assert_eq!(server.model().map(|model| model.id.as_str()), Some("sim-model"));
        assert!(server.max_model_len().is_some_and(|tokens| tokens > 0));
        assert!(server.version.is_some());
    }
}

#[test]
fn an_address_where_nobody_listens_is_told_as_bad_input() {
    let free = TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("address");
    let problem = serving::probe(&format!("http://{free}"), None, DEADLINE).expect_err("nobody listens");
    assert_eq!((problem.kind(), problem.exit()), ("server.unreachable", Exit::BadInput));
    assert!(problem.to_string().contains(&free.to_string()));
}
