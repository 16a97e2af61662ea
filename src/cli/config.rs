//! `dcudeck config`: every setting, its value and its source; what is wrong with the settings files.

use super::{
    args::{Config, Global},
    out::{Ended, Out},
};
use crate::{
    base::Exit,
    workspace::{Workspace, settings::Settings},
};
use serde_json::{Value, json};

pub(super) fn run(command: &Config, global: &Global, workspace: &Workspace, settings: &Settings, out: Out) -> Result<Exit, Ended> {
    match command {
        Config::Print { .. } => print(settings, out),
        Config::Check { .. } => check(global, workspace, out),
    }
}

fn print(settings: &Settings, out: Out) -> Result<Exit, Ended> {
    if out.json {
        let values: Vec<Value> = settings
            .values()
            .iter()
            .map(|value| json!({ "key": value.setting.name, "value": value.json(), "source": value.source.to_string() }))
            .collect();
        out.document(&json!({ "schema": "dcudeck.config.print/1", "values": values }))?;
        return Ok(Exit::Done);
    }
    for value in settings.values() {
        out.line(&format!("{:<10} {:<8} {}", value.setting.name, value.text, value.source))?;
    }
    Ok(Exit::Done)
}

fn check(global: &Global, workspace: &Workspace, out: Out) -> Result<Exit, Ended> {
    let (_, problems) = Settings::gather(workspace, &global.flags());
    if out.json {
        let findings: Vec<Value> = problems.iter().map(|problem| problem.document()["error"].take()).collect();
        out.document(&json!({ "schema": "dcudeck.config.check/1", "ok": problems.is_empty(), "findings": findings }))?;
    } else {
        for problem in &problems {
            out.line(&problem.sentence(out.lang))?;
        }
        let told = match problems.len() {
            0 => crate::said!("settings are good", "设置无误"),
            n => crate::said!("{n} findings", "{n} 个问题"),
        };
        out.note(told.get(out.lang));
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Findings })
}
