//! What each message means for the figures, and the seconds they fall in.

use super::{
    Book, SECOND_SETTLES_US,
    seconds::{Metric, Open},
};
use crate::bench::{
    client::Message,
    live::{Fact, Phase, ServerSample},
    record::Record,
    summary::meets,
};

impl Book {
    pub(super) fn take(&mut self, message: Message) {
        match message {
            Message::Finished(mut record) => {
                record.weigh();
                let written = self.files.record(&record);
                self.note(written);
                self.count(&record);
            }
            Message::Live { at_us, ttft_us, itl_us } => {
                for &us in &ttft_us {
                    self.ttft.record(us, 1);
                }
                for &(us, n) in &itl_us {
                    self.itl.record(u64::from(us), u64::from(n));
                }
                let open = self.second(second_of(at_us));
                for us in ttft_us {
                    open.record(Metric::Ttft, us, 1);
                }
                for (us, n) in itl_us {
                    open.record(Metric::Itl, u64::from(us), n);
                }
            }
            Message::Second { second, tokens, busy_us, lag } => {
                if self.measured(second) {
                    self.loop_lag.add(&lag);
                }
                let row = &mut self.second(second).row;
                row.output_tokens += tokens;
                row.in_flight_mean += busy_us as f32 / 1e6;
            }
            Message::Event(event) => {
                let written = self.files.event(&event);
                self.note(written);
                self.sink.fact(&Fact::Event(event));
            }
            Message::Server(sample) => {
                let written = self.files.server(&sample);
                self.note(written);
                self.sink.fact(&Fact::Server(sample.clone()));
                let newest = &mut self.snapshot.server;
                match newest.binary_search_by_key(&sample.server, |s: &ServerSample| s.server) {
                    Ok(at) => {
                        if let Some(place) = newest.get_mut(at) {
                            *place = sample;
                        }
                    }
                    Err(at) => newest.insert(at, sample),
                }
            }
            Message::Asking { users, rate, paused, held } => {
                let now = &mut self.snapshot;
                (now.users, now.rate, now.paused, now.held) = (users, rate, paused, held);
            }
            Message::Phase { at_us, phase } => {
                self.snapshot.phase = phase;
                if phase == Phase::Running {
                    self.snapshot.measured_from_us = Some(at_us);
                }
                if matches!(phase, Phase::Warmup | Phase::Running) {
                    self.next_second.get_or_insert(second_of(at_us));
                }
                self.sink.fact(&Fact::Phase { at_us, phase });
                self.publish(at_us);
            }
            Message::Over(_) => {}
        }
    }

    fn count(&mut self, record: &Record) {
        let row = &mut self.second(second_of(record.end_us)).row;
        match &record.error {
            None => row.done += 1,
            Some(_) if record.stopped() => {}
            Some(_) => row.failed += 1,
        }
        if record.warmup {
            return;
        }
        if let Some(sent) = record.sent_us {
            let lag = sent.saturating_sub(if self.capped { record.started_us } else { record.planned_us });
            self.lag.record(lag);
            self.late += u64::from(lag > 1_000);
        }
        if let Some(route) = self.routes.get_mut(usize::from(record.route)) {
            route.count(record);
        }
        if record.stopped() {
            return;
        }
        self.snapshot.measured_until_us = self.snapshot.measured_until_us.max(Some(record.end_us));
        self.snapshot.input_tokens += record.prompt_tokens.unwrap_or(0);
        if let Some(error) = &record.error {
            self.snapshot.failed += 1;
            let count = self.snapshot.errors_by_class.entry(error.class.word().to_owned()).or_insert(0);
            *count += 1;
            if *count == 1 {
                let (class, example) = (error.class.word().to_owned(), error.message.clone());
                self.sink.fact(&Fact::Failure { at_us: record.end_us, class, example });
            }
            return;
        }
        self.snapshot.done += 1;
        if let Some(good) = &mut self.snapshot.good {
            *good += u64::from(meets(&self.slo, record));
        }
        let (e2el, tpot) = (record.e2el_us(), record.tpot_us());
        if let Some(us) = e2el {
            self.e2el.record(us, 1);
        }
        if let Some(us) = tpot {
            self.tpot.record_f64(us);
        }
        let open = self.second(second_of(record.end_us));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a non-negative time below an hour")]
        let times = [(Metric::E2el, e2el), (Metric::Tpot, tpot.map(|us| us.round() as u64))];
        for (metric, us) in times {
            if let Some(us) = us {
                open.record(metric, us, 1);
            }
        }
    }

    /// What falls in a second. One that was told already is over: what comes later counts in the next.
    fn second(&mut self, second: u32) -> &mut Open {
        let second = second.max(self.next_second.unwrap_or(0));
        self.open_seconds.entry(second).or_insert_with(|| Open::new(second))
    }

    /// Part of a second, at least, is measured.
    fn measured(&self, second: u32) -> bool {
        self.snapshot.measured_from_us.is_some_and(|from| from < u64::from(second + 1) * 1_000_000)
    }

    /// Tells every second that has settled; all of them at the end.
    pub(super) fn tell_seconds(&mut self, now_us: u64, over: bool) {
        let settled = now_us.saturating_sub(if over { 0 } else { SECOND_SETTLES_US }) / 1_000_000;
        let Some(mut next) = self.next_second else { return };
        while u64::from(next) < settled || (over && self.open_seconds.last_key_value().is_some_and(|(&last, _)| next <= last)) {
            let mut open = self.open_seconds.remove(&next).unwrap_or_default();
            (open.row.second, open.row.warmup) = (next, !self.measured(next));
            let fact = Fact::Second(open.row);
            let written = self.files.second(&fact).and_then(|()| self.histograms.second(&open));
            self.note(written);
            self.sink.fact(&fact);
            if let Some(heat) = open.heat() {
                self.sink.fact(&heat);
            }
            next += 1;
        }
        self.next_second = Some(next);
    }
}

fn second_of(at_us: u64) -> u32 {
    u32::try_from(at_us / 1_000_000).unwrap_or(u32::MAX - 1)
}
