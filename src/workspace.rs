//! The folder all work lives in, its settings and its profiles.
//!
//! Files are the truth for results, runs and jobs. Nothing is created before the first write.

mod nearest;
pub mod profiles;
pub mod settings;

use crate::{base::Problem, said};
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Folder name looked for upward from the current folder.
const MARKER: &str = "dcudeck-workspace";

/// One workspace; see design: `results/ID/` one load test, `runs/ID/` one training run, `jobs/ID/` one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace to use: the flag, else `$DCUDECK_WORKSPACE`, else the nearest `dcudeck-workspace` folder upward from the
    /// current one, else `$XDG_DATA_HOME/dcudeck`.
    ///
    /// # Errors
    /// When the path names something that is not a folder, or no home can be found.
    pub fn resolve(flag: Option<&Path>) -> Result<Self, Problem> {
        let named = flag.map(Path::to_path_buf).or_else(|| env::var_os("DCUDECK_WORKSPACE").filter(|v| !v.is_empty()).map(PathBuf::from));
        let root = match named {
            Some(root) => root,
            None => match upward() {
                Some(root) => root,
                None => data_home()?.join("dcudeck"),
            },
        };
        if root.exists() && !root.is_dir() {
            return Err(Problem::bad_input("workspace.not_a_folder", said!("the workspace is not a folder", "工作区不是文件夹"))
                .file(root)
                .fix(said!("give a folder with --workspace", "请用 --workspace 指定文件夹")));
        }
        Ok(Self { root: std::path::absolute(&root).unwrap_or(root) })
    }

    /// A workspace at `root`, for tests and workers that were told which.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Load test results, one folder each.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// Jobs, one folder each.
    #[must_use]
    pub fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    /// Profiles that overlay the built-in ones.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.root.join("profiles")
    }
}

fn upward() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().map(|dir| dir.join(MARKER)).find(|path| path.is_dir())
}

fn data_home() -> Result<PathBuf, Problem> {
    xdg("XDG_DATA_HOME", ".local/share")
}

/// `$XDG_STATE_HOME/dcudeck`: logs and the list of live jobs of all workspaces.
///
/// # Errors
/// When neither the variable nor `$HOME` is set.
pub fn state_dir() -> Result<PathBuf, Problem> {
    Ok(xdg("XDG_STATE_HOME", ".local/state")?.join("dcudeck"))
}

/// `$XDG_CONFIG_HOME/dcudeck`.
///
/// # Errors
/// When neither the variable nor `$HOME` is set.
pub fn config_dir() -> Result<PathBuf, Problem> {
    Ok(xdg("XDG_CONFIG_HOME", ".config")?.join("dcudeck"))
}

fn xdg(variable: &'static str, below_home: &str) -> Result<PathBuf, Problem> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::var_os("HOME").filter(|v| !v.is_empty()).map(|home| PathBuf::from(home).join(below_home)))
        .ok_or_else(|| {
            Problem::bad_input("workspace.no_home", said!("neither {variable} nor HOME is set", "{variable} 与 HOME 均未设置"))
                .fix(said!("set HOME or give --workspace", "请设置 HOME 或使用 --workspace"))
        })
}

/// Writes `content` to a temporary file beside `path`, flushes it to disk and renames it into place: readers see the old file
/// or the new one, never half of it. The folder is made when missing.
///
/// # Errors
/// What the file system says.
pub fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    // Two threads may write the same file at once; the later rename wins, neither sees the other's temporary.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_file_name(format!(".{name}.{}.{number}.tmp", std::process::id()));
    let written = (|| {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_named_as_workspace_is_refused_with_a_mend() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let problem = Workspace::resolve(Some(file.path())).expect_err("a file is no workspace");
        assert_eq!(problem.exit(), crate::base::Exit::BadInput);
        assert!(problem.to_string().contains("--workspace"));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_temporary() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join("a.json");
        write_whole(&path, b"old").expect("writes");
        std::fs::create_dir(dir.path().join("b.json")).expect("mkdir");
        assert!(write_whole(&dir.path().join("b.json"), b"new").is_err());
        assert_eq!(std::fs::read(&path).expect("reads"), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).expect("lists").count(), 2);
    }
}
