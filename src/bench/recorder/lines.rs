//! Files that grow while the run goes.

use crate::{base::Problem, said};
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// A file of JSON lines.
pub(super) struct Lines {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Lines {
    pub(super) fn create(path: PathBuf) -> Result<Self, Problem> {
        match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Self { out: BufWriter::with_capacity(1 << 18, file), path }),
            Err(error) => Err(unwritable(&path, &error)),
        }
    }

    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<(), Problem> {
        let written = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|e| unwritable(&self.path, &e))
    }

    /// Whether so many bytes fit before the next ones go to the file.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.out.capacity() - self.out.buffer().len() >= bytes
    }

    pub(super) fn flush(&mut self) -> Result<(), Problem> {
        self.out.flush().map_err(|e| unwritable(&self.path, &e))
    }

    /// Keeps others from finishing the result while this process writes it. A file system without locks goes without.
    pub(super) fn lock(&self) {
        let _ = self.out.get_ref().try_lock();
    }

    /// Writes bytes that are no line.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.out.write_all(bytes).map_err(|e| unwritable(&self.path, &e))
    }

    pub(super) fn sync(&mut self) -> Result<(), Problem> {
        self.flush()?;
        self.out.get_ref().sync_data().map_err(|e| unwritable(&self.path, &e))
    }
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::failed("bench.result_unwritable", said!("the result cannot be written: {error}", "无法写入结果：{error}"))
        .file(path)
        .fix(said!("check space and permissions of the folder", "请检查文件夹的空间与权限"))
}
