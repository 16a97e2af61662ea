//! What can be asked of the history alone, and its rows in the command table.

use crate::{
    console::{
        command::{Command, Scope, Spec},
        tab::TabId,
    },
    text,
};

/// What can be asked of the history and of the results in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryCommand {
    /// To the list of all results; there: read it again.
    Show,
    /// Mark a result, or take the mark away.
    Mark,
    /// Compare the marked results, or one with its last comparable.
    Compare,
    /// Sort by the next column.
    Sort,
    /// Failed requests on top, or not.
    FailedFirst,
    /// Remove a result.
    Delete,
}

const HERE: Scope = Scope::Tab(TabId::Load);

/// The rows of the history in the command table.
pub const COMMANDS: &[Spec] = &[
    Spec::new(
        Command::History(HistoryCommand::Show),
        "history",
        &["H"],
        HERE,
        text!("history", "历史"),
        text!("all results of this workspace; there: read the list again", "本工作区的全部结果；在其中：重新读取"),
    ),
    Spec::new(
        Command::History(HistoryCommand::Mark),
        "history.mark",
        &["space"],
        HERE,
        text!("mark", "标记"),
        text!("mark the result for a comparison, or take the mark away", "标记结果以供比较，或取消标记"),
    ),
    Spec::new(
        Command::History(HistoryCommand::Compare),
        "history.compare",
        &["v"],
        HERE,
        text!("compare", "比较"),
        text!("compare the marked results, or this one with its last comparable", "比较已标记的结果，或与上一个可比结果比较"),
    ),
    Spec::new(
        Command::History(HistoryCommand::Sort),
        "history.sort",
        &["t"],
        HERE,
        text!("sort", "排序"),
        text!("sort by the next column", "按下一列排序"),
    ),
    Spec::new(
        Command::History(HistoryCommand::FailedFirst),
        "history.failed",
        &["!"],
        HERE,
        text!("failed first", "失败在前"),
        text!("failed requests on top, or in their order", "失败的请求置顶，或恢复顺序"),
    ),
    Spec::new(
        Command::History(HistoryCommand::Delete),
        "history.delete",
        &["D"],
        HERE,
        text!("delete", "删除"),
        text!("remove a result's folder for good; asks first", "永久删除结果文件夹；先询问"),
    )
    .destroying(),
];
