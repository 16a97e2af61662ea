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
    /// More users, by a tenth.
    MoreUsers,
    /// Fewer users, by a tenth.
    FewerUsers,
    /// A higher rate, by a tenth.
    Faster,
    /// A lower rate, by a tenth.
    Slower,
    /// Send nothing for now, or go on.
    Pause,
    /// Put a note on the time axis.
    Annotate,
    /// The other latency of the heat strip, or the next metric of the cells.
    Metric,
    /// Leave out the waiting cell under the cursor.
    SkipCell,
    /// End the running cell.
    EndCell,
    /// Measure the cell under the cursor again.
    RerunCell,
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
    Spec::new(
        Command::Load(LoadCommand::MoreUsers),
        "load.users.more",
        &["+", "="],
        HERE,
        text!("users", "用户"),
        text!("a tenth more users (closed loop)", "用户数增加一成（闭环）"),
    )
    .with_twin("-")
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::FewerUsers),
        "load.users.fewer",
        &["-"],
        HERE,
        text!("", ""),
        text!("a tenth fewer users (closed loop)", "用户数减少一成（闭环）"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Faster),
        "load.rate.higher",
        &["]"],
        HERE,
        text!("rate", "速率"),
        text!("a tenth more requests per second (open loop)", "每秒请求增加一成（开环）"),
    )
    .with_twin("[")
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Slower),
        "load.rate.lower",
        &["["],
        HERE,
        text!("", ""),
        text!("a tenth fewer requests per second (open loop)", "每秒请求减少一成（开环）"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Pause),
        "load.pause",
        &["p"],
        HERE,
        text!("pause", "暂停"),
        text!("send nothing until pressed again; the schedule stands still", "暂停发送，再按继续；计划随之停住"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Annotate),
        "load.annotate",
        &["a"],
        HERE,
        text!("note", "备注"),
        text!("put a note on the run's time axis", "在时间轴上加一条备注"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::Metric),
        "load.metric",
        &["m"],
        HERE,
        text!("metric", "指标"),
        text!("latency over time: TTFT or ITL; on cells: their metric", "随时间的延迟：TTFT 或 ITL；在单元上：换指标"),
    ),
    Spec::new(
        Command::Load(LoadCommand::SkipCell),
        "load.cell.skip",
        &["x"],
        HERE,
        text!("skip", "跳过"),
        text!("leave out the waiting cell under the cursor", "跳过光标所在、尚未开始的单元"),
    )
    .acting(),
    Spec::new(
        Command::Load(LoadCommand::EndCell),
        "load.cell.end",
        &["K"],
        HERE,
        text!("end cell", "结束单元"),
        text!("end the running cell and go on with the next", "结束运行中的单元，继续下一个"),
    )
    .destroying(),
    Spec::new(
        Command::Load(LoadCommand::RerunCell),
        "load.cell.again",
        &["r"],
        HERE,
        text!("again", "重测"),
        text!("measure the cell under the cursor again", "重测光标所在单元"),
    )
    .acting(),
];
