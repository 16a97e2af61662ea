//! Recordings: frames as they came, a line of JSON each, after a line that says what the file is.

use super::frame::{Frame, Group};
use crate::{
    base::{Problem, clock::Epoch},
    said,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
};

/// What the first line says the file is.
const SCHEMA: &str = "dcudeck.devices.recording/1";

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    schema: String,
    #[serde(flatten)]
    epoch: Epoch,
}

/// Any other line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it came, µs since the recording began; so are all moments in the frame.
    pub at_us: u64,
    /// Who sent it.
    pub group: Group,
    /// What was sent.
    pub frame: Frame,
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    file: File,
    path: PathBuf,
    epoch: Epoch,
}

impl Recorder {
    /// Begins a recording in a new file.
    ///
    /// # Errors
    /// When the file is there already or cannot be made.
    pub fn create(path: &Path) -> Result<Self, Problem> {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        let file = made.map_err(|error| {
            let problem = Problem::bad_input("recording.create", said!("cannot be made: {error}", "无法创建：{error}")).file(path);
            if path.exists() {
                problem.fix(said!("name another file: a recording is not overwritten", "请换一个文件名：录制不会覆盖已有文件"))
            } else {
                problem
            }
        })?;
        let mut recorder = Self { file, path: path.to_owned(), epoch: Epoch::now() };
        let head = Head { schema: SCHEMA.to_owned(), epoch: recorder.epoch.clone() };
        recorder.line(&head)?;
        Ok(recorder)
    }

    /// Adds a frame that came just now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, group: Group, frame: &Frame) -> Result<(), Problem> {
        let start = self.epoch.mono_start_us;
        let frame = frame.clone().at(|at_us| at_us.saturating_sub(start));
        self.line(&Line { at_us: self.epoch.elapsed_us(), group, frame })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), Problem> {
        let mut text = serde_json::to_vec(value).map_err(|error| self.problem(&error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(|error| self.problem(&error))
    }

    fn problem(&self, error: &std::io::Error) -> Problem {
        Problem::failed("recording.write", said!("cannot be written: {error}", "无法写入：{error}")).file(&self.path)
    }
}

/// Reads a recording.
#[derive(Debug)]
pub struct Recording {
    lines: BufReader<File>,
    path: PathBuf,
    number: u64,
    host: String,
}

impl Recording {
    /// Opens it.
    ///
    /// # Errors
    /// When it cannot be read or is something else.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        let file = File::open(path)
            .map_err(|error| Problem::bad_input("recording.read", said!("cannot be read: {error}", "无法读取：{error}")).file(path))?;
        let mut recording = Self { lines: BufReader::new(file), path: path.to_owned(), number: 0, host: String::new() };
        let head = recording.text()?.and_then(|text| serde_json::from_str::<Head>(&text).ok());
        let Some(head) = head.filter(|head| head.schema == SCHEMA) else {
            return Err(Problem::bad_input("recording.schema", said!("is no recording of devices", "不是设备录制文件"))
                .file(path)
                .line(1)
                .fix(said!("make one with dcudeck devices record FILE", "请用 dcudeck devices record FILE 录制")));
        };
        recording.host = crate::base::clean(&head.epoch.host).into_owned();
        Ok(recording)
    }

    /// The node that was recorded.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The next line; `None` at the end, also when the last line was cut off by the end of its writer.
    ///
    /// # Errors
    /// When a line is no frame, with its number.
    pub fn line(&mut self) -> Result<Option<Line>, Problem> {
        let Some(text) = self.text()? else { return Ok(None) };
        match serde_json::from_str::<Line>(&text) {
            Ok(line) => Ok(Some(Line { frame: line.frame.cleaned(), ..line })),
            Err(_) if !text.ends_with('\n') => Ok(None),
            Err(error) => Err(Problem::bad_input("recording.line", said!("is no frame: {error}", "不是有效帧：{error}"))
                .file(&self.path)
                .line(self.number)),
        }
    }

    fn text(&mut self) -> Result<Option<String>, Problem> {
        let mut text = Vec::new();
        let read = self.lines.read_until(b'\n', &mut text);
        self.number += 1;
        match read {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(error) => Err(Problem::bad_input("recording.read", said!("cannot be read: {error}", "无法读取：{error}")).file(&self.path)),
        }
    }
}
