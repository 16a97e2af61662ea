//! The kinds of worker this program can be: one row each. Engines do the work; here they are joined with the control socket.

#![expect(clippy::needless_pass_by_value, reason = "the signature of a worker in the table of kinds")]

use crate::{
    bench, devices,
    jobs::{self, Job, Worker},
};
use std::{ffi::OsString, process::ExitCode};

const WORKERS: &[Worker] = &[
    Worker { kind: "bench", run: load },
    Worker { kind: bench::distributed::KIND, run: part },
    #[cfg(feature = "embedded")]
    Worker { kind: "engine", run: engine },
];

/// Does what `__job` and `__worker` ask for; `None` when the program is a face.
pub fn entry(arguments: &[OsString]) -> Option<ExitCode> {
    // A sampler is no job: it belongs to the face that started it and ends with it.
    if let [_, worker, kind, rest @ ..] = arguments
        && worker == jobs::WORKER_ARGUMENT
        && kind == devices::worker::KIND
    {
        return Some(devices::worker::run(rest.iter().cloned()));
    }
    jobs::entry(arguments.iter().skip(1).cloned(), WORKERS)
}

fn load(job: Job) -> ExitCode {
    jobs::ended(&job, bench::worker::run(job.dir()))
}

fn part(job: Job) -> ExitCode {
    jobs::ended(&job, bench::distributed::part(job.dir()))
}

#[cfg(feature = "embedded")]
fn engine(job: Job) -> ExitCode {
    jobs::ended(&job, engine::run(&job))
}

/// The embedded engine as a job: its server joined with the job's control socket and folder.
#[cfg(feature = "embedded")]
mod engine {
    use crate::{
        base::{Problem, Secret},
        cli::engine::serve::KEY,
        embedded::{
            listen::Listening,
            worker::{self, Link, Snapshot},
        },
        jobs::{Job, control::Publisher},
        openai::engine::EngineSpec,
        said, serving,
    };
    use std::{path::PathBuf, sync::Arc};

    struct Joined {
        publisher: Publisher,
        dir: PathBuf,
    }

    impl Link for Joined {
        fn publish(&self, snapshot: &Snapshot) {
            self.publisher.snapshot(snapshot);
        }

        fn announce(&self, listening: &Listening) -> Result<(), Problem> {
            serving::announce(&self.dir, listening).map_err(|error| {
                Problem::failed("engine.announce", said!("{error}", "无法写入：{error}")).file(self.dir.join(serving::LISTENING))
            })
        }

        fn watchers(&self) -> usize {
            self.publisher.watchers()
        }
    }

    pub(super) fn run(job: &Job) -> Result<(), Problem> {
        let options: EngineSpec = serde_json::from_value(job.spec().payload.clone())
            .map_err(|error| Problem::bad_input("engine.spec", said!("the job's spec makes no sense: {error}", "任务说明有误：{error}")))?;
        let (publisher, commands) = Publisher::bind(job.dir(), serving::ENGINE, job.id()).map_err(|error| {
            Problem::failed("engine.socket", said!("no control socket: {error}", "无法建立控制套接字：{error}")).file(job.dir())
        })?;
        let link: Arc<dyn Link> = Arc::new(Joined { publisher: publisher.clone(), dir: job.dir().to_path_buf() });
        let ended = worker::run(&options, Secret::from_env(&[KEY]), &link, commands);
        publisher.bye();
        ended
    }
}
