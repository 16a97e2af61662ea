//! The fields of the form, and what each can be when it is one of a few.

/// One field, in the order in which j and k visit them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::console::tabs::load) enum Field {
    Target,
    Model,
    Api,
    Prompts,
    Input,
    Output,
    Prefix,
    Turns,
    Cold,
    Load,
    Cap,
    Until,
    Warmup,
    Seed,
    Errors,
    Save,
    Ttft,
    Tpot,
    Itl,
    E2el,
    Series,
    CellInput,
    CellOutput,
    CellLoad,
    Repeats,
    Range,
    StepTime,
    Knee,
}

impl Field {
    /// All of them, in order.
    pub(in crate::console::tabs::load) const ALL: [Self; 28] = [
        Self::Target,
        Self::Model,
        Self::Api,
        Self::Prompts,
        Self::Input,
        Self::Output,
        Self::Prefix,
        Self::Turns,
        Self::Cold,
        Self::Load,
        Self::Cap,
        Self::Until,
        Self::Warmup,
        Self::Seed,
        Self::Errors,
        Self::Save,
        Self::Ttft,
        Self::Tpot,
        Self::Itl,
        Self::E2el,
        Self::Series,
        Self::CellInput,
        Self::CellOutput,
        Self::CellLoad,
        Self::Repeats,
        Self::Range,
        Self::StepTime,
        Self::Knee,
    ];

    /// What it can be, when it is one of a few.
    pub(in crate::console::tabs::load) const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Api => &["completions", "chat"],
            Self::Cold | Self::Knee => &["no", "yes"],
            Self::Save => &["sample", "all", "none"],
            Self::Series => &["single run", "matrix", "search"],
            _ => &[],
        }
    }
}
