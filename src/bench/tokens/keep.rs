//! `tokens.bin` as it is written: chosen frames copied from the working file, then the index.

use super::{Frames, Head, INDEX_MAGIC, TOKENS};
use crate::{base::Problem, said};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// A `tokens.bin` in the making: under another name until it is whole.
pub(in crate::bench) struct Keeper {
    path: PathBuf,
    making: PathBuf,
    out: BufWriter<File>,
    /// Bytes written.
    at: u64,
    /// Keys and offsets.
    index: Vec<(u64, u64)>,
    frame: Vec<u8>,
}

impl Keeper {
    /// Begins the file of the result in `dir`.
    pub(in crate::bench) fn begin(dir: &Path, head: &Head) -> Result<Self, Problem> {
        let (path, making) = (dir.join(TOKENS), dir.join(format!(".{TOKENS}.{}.tmp", std::process::id())));
        let begun = || -> io::Result<_> {
            let mut out = BufWriter::with_capacity(1 << 18, File::create(&making)?);
            let head = head.bytes()?;
            out.write_all(&head)?;
            Ok((out, head.len() as u64))
        };
        let (out, at) = begun().map_err(|e| unwritable(&path, &e))?;
        Ok(Self { path, making, out, at, index: Vec::new(), frame: Vec::new() })
    }

    /// Keeps the frame `frames` gave last.
    pub(in crate::bench) fn keep(&mut self, key: u64, frames: &Frames) -> Result<(), Problem> {
        self.frame.clear();
        frames.raw(&mut self.frame);
        self.index.push((key, self.at));
        self.at += self.frame.len() as u64;
        self.out.write_all(&self.frame).map_err(|e| unwritable(&self.path, &e))
    }

    /// Writes the index and gives the file its name.
    pub(in crate::bench) fn end(mut self) -> Result<(), Problem> {
        // A number met twice (records of several machines put together) is found by its first frame.
        self.index.sort_unstable();
        let mut write = || -> io::Result<()> {
            self.out.write_all(&[0])?;
            for (key, offset) in &self.index {
                self.out.write_all(&key.to_le_bytes())?;
                self.out.write_all(&offset.to_le_bytes())?;
            }
            self.out.write_all(&(self.at + 1).to_le_bytes())?;
            self.out.write_all(&(self.index.len() as u64).to_le_bytes())?;
            self.out.write_all(INDEX_MAGIC)?;
            self.out.flush()?;
            self.out.get_ref().sync_data()?;
            fs::rename(&self.making, &self.path)
        };
        write().map_err(|e| unwritable(&self.path, &e))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Not there any more once it has its name.
        let _ = fs::remove_file(&self.making);
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::failed("bench.result_unwritable", said!("the result cannot be written: {error}", "无法写入结果：{error}")).file(path)
}
