//! What can be asked of the Load tab alone, and its rows in the command table.

use crate::{
    console::{
        command::{Command, Scope, Spec},
        tab::TabId,
    },
    text,
};

/// What can be asked of this tab alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadCommand {
    /// Start a load test.
    Start,
    /// Stop the one that is watched; its result is kept.
    Stop,
    /// Send nothing more, await what is under way, end.
    Drain,
    /// To the form, or into the field under the cursor.
    Edit,
    /// Choose a profile.
    Profiles,
}

const HERE: Scope = Scope::Tab(TabId::Load);

/// The rows of this tab in the command table.
pub const COMMANDS: &[Spec] = &[
    Spec::new(
        Command::Load(LoadCommand::Start),
        "load.start",
        &["s"],
        HERE,
        text!("start", "开始"),
        text!("start a load test with the form's values", "按表单的值开始压测"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Stop),
        "load.stop",
        &["X"],
        HERE,
        text!("stop", "停止"),
        text!("stop the run at once; what was measured is kept", "立即停止，已测得的结果保留"),
    )
    .destroying(),
    Spec::new(
        Command::Load(LoadCommand::Drain),
        "load.drain",
        &["d"],
        HERE,
        text!("drain", "排空"),
        text!("send nothing more, await what is under way, then end", "不再发送，等在途请求结束后结束"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Edit),
        "load.edit",
        &["e"],
        HERE,
        text!("edit", "编辑"),
        text!("edit the field, or go to the form of a new test", "编辑字段，或转到新压测的表单"),
    ),
    Spec::new(
        Command::Load(LoadCommand::Profiles),
        "load.profiles",
        &["o"],
        HERE,
        text!("profiles", "方案"),
        text!("fill the form from a profile", "从方案填写表单"),
    ),
];
