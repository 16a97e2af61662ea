//! `dcudeck.devices.once/1`: field names are a contract; more may be added, none renamed.

use crate::{
    base::clock,
    devices::{Card, Field, Node, ProcessUse, Reading, State, Value},
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Fields that stand in the contract under their own name.
const OWN: &[Field] = &[
    Field::UtilPct,
    Field::MemUsed,
    Field::MemTotal,
    Field::Power,
    Field::PowerCap,
    Field::CoreClk,
    Field::MemClk,
    Field::EccCe,
    Field::EccUe,
];
/// Those that stand in `temp_c`, with their names there.
const TEMPERATURES: &[(Field, &str)] =
    &[(Field::TempEdge, "edge"), (Field::TempJunction, "junction"), (Field::TempMemory, "memory"), (Field::TempCore, "core")];

/// Jobs by the processes they own.
type Jobs = BTreeMap<i32, String>;

/// The node as one document.
pub(super) fn once(node: &Node, jobs: &Jobs, now_us: u64) -> Json {
    let devices: Vec<Json> = node.cards().into_iter().map(|card| device(card, node, jobs, now_us)).collect();
    let host = node.host.as_ref();
    json!({
        "schema": "dcudeck.devices.once/1",
        "node": node.name,
        "at": clock::now_rfc3339(),
        "devices": devices,
        "host": {
            "cpu_pct": host.and_then(|host| host.cpu_pct),
            "mem_used_bytes": host.and_then(|host| host.mem_used_bytes),
            "mem_total_bytes": host.and_then(|host| host.mem_total_bytes),
        },
        "libraries": node.libraries().collect::<Vec<_>>(),
        "troubles": node.troubles.iter().map(|trouble| json!({ "kind": trouble.kind, "message": trouble.said.en })).collect::<Vec<_>>(),
    })
}

/// A figure without a fraction as the whole number it is.
fn value(reading: Option<&Reading>) -> Json {
    match reading.and_then(|reading| reading.value.as_ref()) {
        Some(Value::Number(figure)) => number(*figure),
        Some(Value::Words(words)) => json!(words),
        None => Json::Null,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53 are exact")]
fn number(figure: f64) -> Json {
    if figure.fract() == 0.0 && figure.abs() < 9.0e15 { json!(figure as i64) } else { json!(figure) }
}

fn device(card: &Card, node: &Node, jobs: &Jobs, now_us: u64) -> Json {
    let info = &card.info;
    let mut row = Map::new();
    let mut put = |name: &str, value: Json| drop(row.insert(name.to_owned(), value));
    put("index", json!(info.index));
    put("pci", if info.address.is_pci() { json!(info.address) } else { Json::Null });
    put("vendor", json!(info.vendor));
    put("name", json!(info.name));
    put("serial", json!(info.serial));
    put("unique_id", json!(info.unique_id));
    put("numa_node", json!(info.numa_node));
    let state = card.state(now_us);
    put("state", json!(state.word()));
    // What was read of a card that is lost is not what it is now.
    let reading = |field: Field| card.reading(field).filter(|_| state != State::Lost);
    for field in OWN {
        put(field.name(), value(reading(*field)));
    }
    put("temp_c", TEMPERATURES.iter().map(|(field, name)| ((*name).to_owned(), value(reading(*field)))).collect::<Map<_, _>>().into());
    let others = Field::ALL.iter().filter(|field| !OWN.contains(field) && TEMPERATURES.iter().all(|(known, _)| known != *field));
    for field in others {
        // Only where it was ever tried: a row of nulls for what no card of this maker has helps nobody.
        if card.reading(*field).is_some() {
            put(field.name(), value(reading(*field)));
        }
    }
    let (mut sources, mut ages, mut windows, mut missing) = (Map::new(), Map::new(), Map::new(), Map::new());
    for (field, reading) in &card.readings {
        if reading.value.is_some() && state != State::Lost {
            sources.insert(field.name().to_owned(), json!(reading.origin));
            ages.insert(field.name().to_owned(), json!(reading.age_ms(now_us)));
            windows.extend((reading.window_ms > 0).then(|| (field.name().to_owned(), json!(reading.window_ms))));
        }
        if let Some(why) = reading.missing {
            missing.insert(field.name().to_owned(), json!(why.text().en));
        }
    }
    put("sources", sources.into());
    put("age_ms", ages.into());
    put("window_ms", windows.into());
    put("missing", missing.into());
    put("links", json!(info.links));
    put("processes", node.processes().filter(|process| process.card == info.address).map(|of| process(of, jobs)).collect());
    row.into()
}

fn process(process: &ProcessUse, jobs: &Jobs) -> Json {
    json!({
        "pid": process.pid,
        "user": process.who.user,
        "command": process.who.command,
        "container": process.who.container,
        "mem_bytes": process.mem_bytes,
        "util_pct": process.util_pct,
        "running_s": process.who.running_s,
        "job": i32::try_from(process.pid).ok().and_then(|pid| jobs.get(&pid)),
    })
}
