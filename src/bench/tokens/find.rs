//! The arrivals of one request, wherever a result keeps them.

use super::{ARRIVALS, Frames, TOKENS, TokenArrival, arrivals, key, open};
use crate::{
    base::Problem,
    bench::{record::Record, results::Records},
};
use std::path::Path;

/// The arrivals of a request of the result in `dir`; `None`: not kept.
///
/// `tokens.bin` has an index. While a run goes on, or after it was killed, and in results of versions that had no such file, they are
/// looked for one request after another and no further than the one asked for: what is held is one request.
///
/// # Errors
/// When a file cannot be read or is damaged.
pub fn find(dir: &Path, warmup: bool, i: u64, route: u16) -> Result<Option<Vec<TokenArrival>>, Problem> {
    if dir.join(TOKENS).exists() {
        return Ok(open(dir)?.arrivals_of(warmup, i, route));
    }
    let working = dir.join(ARRIVALS);
    if working.exists() {
        let wanted = key(warmup, i, route);
        let mut frames = Frames::open(&working)?;
        let mut record = Record::default();
        while let Some(found) = frames.next_into(&mut record)? {
            if found == wanted {
                return Ok(Some(arrivals(&record)));
            }
        }
        return Ok(None);
    }
    let mut records = Records::open(dir)?;
    while let Some(record) = records.next_record()? {
        if (record.warmup, record.i, record.route) == (warmup, i, route) {
            return Ok((!record.gaps_us.is_empty()).then(|| arrivals(&record)));
        }
    }
    Ok(None)
}
