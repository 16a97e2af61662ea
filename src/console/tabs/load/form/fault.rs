//! What is wrong with what stands in the form.

use super::{super::parse, Field, Form};
use crate::{
    base::{Lang, Said},
    said,
};

impl Form {
    /// What is wrong with `field`, in one sentence.
    pub(in crate::console::tabs::load) fn fault(&self, field: Field) -> Option<Said> {
        let text = self.text(field);
        match field {
            Field::Target => parse::url(text).err(),
            Field::Model | Field::Api | Field::Prompts | Field::Cold | Field::Save | Field::Series | Field::Knee => None,
            Field::Prefix | Field::Errors => (!text.parse::<f64>().is_ok_and(|pct| (0.0..=100.0).contains(&pct)))
                .then(|| said!("no share from 0 to 100 %", "不是 0 到 100 % 的占比")),
            Field::Turns if text == "all" && !self.random() => None,
            Field::Turns => (!text.parse::<u32>().is_ok_and(|n| (1..=1_000).contains(&n) && (n == 1 || self.random())))
                .then(|| said!("random: 1 to 1,000; a file: 1 or all", "随机：1 到 1,000；文件：1 或 all")),
            Field::Cap if text.is_empty() => None,
            Field::Cap => match (text.parse::<u32>(), parse::load(self.text(Field::Load)).is_ok_and(|load| load.closed())) {
                (Ok(1..=65_536), false) => None,
                (_, true) => Some(said!("users are the cap already; leave empty", "用户数已是上限；请留空")),
                _ => Some(said!("no request count; empty for no cap", "不是请求数；留空表示不限")),
            },
            Field::CellInput | Field::CellOutput => parse::numbers(text).err(),
            Field::CellLoad => parse::loads(text).err(),
            Field::Repeats => (!text.parse::<u32>().is_ok_and(|n| (1..=100).contains(&n))).then(|| said!("1 to 100 times", "1 到 100 次")),
            Field::Range => parse::range(text).err(),
            Field::StepTime => (!text.parse::<f64>().is_ok_and(|s| s > 0.0 && s <= 86_400.0)).then(|| said!("no seconds", "不是秒数")),
            Field::Input if !self.random() => None,
            Field::Input | Field::Output => match text.parse::<u32>() {
                Ok(1..=1_000_000) => None,
                _ => Some(said!("no token count from 1 to 1,000,000", "不是 1 到 1,000,000 的 token 数")),
            },
            Field::Load => parse::load(text).err(),
            Field::Until => parse::until(text).err(),
            Field::Warmup => (!text.parse::<u64>().is_ok_and(|n| n <= 1_000_000))
                .then(|| said!("no request count; 0 for none", "不是请求数；0 表示不预热")),
            Field::Seed => text.parse::<u64>().is_err().then(|| said!("no whole number", "不是整数")),
            Field::Ttft | Field::Tpot | Field::Itl | Field::E2el => parse::goal(text).err(),
        }
    }

    /// The first field with a fault, and the fault.
    pub(in crate::console::tabs::load) fn first_fault(&self) -> Option<(Field, Said)> {
        let own = self.fields().into_iter().find_map(|field| Some((field, self.fault(field)?)));
        own.or_else(|| {
            // What fields say together: the engine's own rules.
            let problem = self.made()?.check().err()?;
            let about = if self.text(Field::Series) == "search" { Field::Range } else { Field::Load };
            Some((about, Said { en: problem.sentence(Lang::En), zh: problem.sentence(Lang::Zh) }))
        })
    }
}
