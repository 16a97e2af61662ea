//! What can go wrong with a job, apart from the work itself.

use crate::{base::Problem, said};
use std::{io, path::PathBuf};

/// Why a job could not be started, read or stopped.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The folder does not hold a job.
    #[error("{}: not a job's folder: {found}", .dir.display())]
    NotAJob {
        /// The folder.
        dir: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// A file of the job could not be written or read.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The program of the job could not be started.
    #[error("{program} cannot be started: {reason}")]
    Program {
        /// The program's name as given.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// The shim did not report.
    #[error("the process that watches over the job {found}; {} may say why", .log.display())]
    Shim {
        /// What it did instead.
        found: String,
        /// The job's log.
        log: PathBuf,
    },
    /// A signal could not be sent.
    #[error("the job {id} cannot be signalled: {source}")]
    Signal {
        /// The job.
        id: String,
        /// What the system says.
        source: io::Error,
    },
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::NotAJob { dir, found } => {
                Self::bad_input("jobs.not_a_job", said!("not a job's folder: {found}", "不是任务文件夹：{found}")).file(dir)
            }
            JobError::File { path, source } => Self::failed("jobs.file", said!("{source}", "无法读写：{source}")).file(path),
            JobError::Program { program, reason } => {
                Self::failed("jobs.program", said!("{program} cannot be started: {reason}", "无法启动 {program}：{reason}"))
                    .fix(said!("install it or give its path", "请安装该程序或给出其路径"))
            }
            JobError::Shim { found, log } => Self::failed(
                "jobs.shim",
                said!("the process that watches over the job {found}", "任务守护进程异常：{found}"),
            )
            .fix(said!("{} may say why", "原因可能见 {}", log.display())),
            JobError::Signal { id, source } => {
                Self::failed("jobs.signal", said!("the job {id} cannot be signalled: {source}", "无法向任务 {id} 发送信号：{source}"))
            }
        }
    }
}
