//! The form of a new load test: texts as typed, what is wrong with them, and the spec they make.

mod fault;
mod field;
mod spec;
#[cfg(test)]
mod tests;

pub(super) use self::field::Field;
use crate::{bench::spec::Spec, console::news::Server};

/// The form.
#[derive(Debug, Clone)]
pub(super) struct Form {
    /// What the fields do not show: name, limits, key file, `ignore_eos`.
    base: Spec,
    values: [String; Field::ALL.len()],
    /// The field the cursor is on.
    pub(super) cursor: Field,
    /// Profile the values came from.
    pub(super) profile: String,
    /// Values were changed since.
    pub(super) changed: bool,
}

impl Form {
    /// The form filled from `spec`, known as `profile`.
    pub(super) fn new(profile: &str, spec: &Spec) -> Self {
        let mut form = Self {
            base: spec.clone(),
            values: std::array::from_fn(|_| String::new()),
            cursor: Field::Load,
            profile: profile.to_owned(),
            changed: false,
        };
        form.fill(spec);
        form
    }

    /// Takes over another profile; the target stays unless the profile names one.
    pub(super) fn apply(&mut self, profile: &str, spec: &Spec) {
        let (target, model) = (self.text(Field::Target).to_owned(), self.text(Field::Model).to_owned());
        self.base = spec.clone();
        self.fill(spec);
        if spec.target.url.is_empty() {
            self.put(Field::Target, target);
            if spec.target.model.is_none() {
                self.put(Field::Model, model);
            }
        }
        profile.clone_into(&mut self.profile);
        self.changed = false;
    }

    fn put(&mut self, field: Field, text: String) {
        if let Some(slot) = self.values.get_mut(field as usize) {
            *slot = text;
        }
    }

    /// What stands in `field`.
    pub(super) fn text(&self, field: Field) -> &str {
        self.values.get(field as usize).map_or("", String::as_str)
    }

    /// Writes `text` into `field`; true if that changed it.
    pub(super) fn set(&mut self, field: Field, text: &str) -> bool {
        let text = text.trim();
        if self.text(field) == text {
            return false;
        }
        self.put(field, text.to_owned());
        self.changed = true;
        true
    }

    /// Moves the cursor by `fields`, stopping at the ends.
    pub(super) fn step(&mut self, fields: isize) {
        let shown = self.fields();
        let at = shown.iter().position(|&field| field == self.cursor).unwrap_or(0);
        self.cursor = shown.get(at.saturating_add_signed(fields)).copied().unwrap_or(self.cursor);
    }

    /// The fields that mean something as the form stands: those of a matrix or a search only for one.
    pub(super) fn fields(&self) -> Vec<Field> {
        let series = self.text(Field::Series);
        Field::ALL
            .into_iter()
            .filter(|field| match field {
                Field::CellInput | Field::CellOutput | Field::CellLoad | Field::Repeats => series == "matrix",
                Field::Range | Field::StepTime | Field::Knee => series == "search",
                _ => true,
            })
            .collect()
    }

    /// Whether random prompts are asked, so that [`Field::Input`] means something.
    pub(super) fn random(&self) -> bool {
        self.text(Field::Prompts).is_empty()
    }

    /// Changes the choice under the cursor to the next (or previous) one; true if there is a choice.
    pub(super) fn choose(&mut self, servers: &[Server], forward: bool) -> bool {
        match self.cursor {
            Field::Target => {
                let servers: Vec<&Server> = servers.iter().filter(|server| server.url.is_some()).collect();
                let n = servers.len();
                if n == 0 {
                    return false;
                }
                let here = servers.iter().position(|server| server.url.as_deref() == Some(self.text(Field::Target)));
                let next = match (here, forward) {
                    (None, true) => 0,
                    (None, false) => n - 1,
                    (Some(i), true) => (i + 1) % n,
                    (Some(i), false) => (i + n - 1) % n,
                };
                servers.get(next).is_some_and(|server| self.aim(server))
            }
            field => {
                let all = field.choices();
                let here = all.iter().position(|choice| *choice == self.text(field)).unwrap_or(0);
                let next = if forward { here + 1 } else { here + all.len().max(1) - 1 } % all.len().max(1);
                all.get(next).is_some_and(|choice| self.set(field, choice))
            }
        }
    }

    /// Makes `server` the target; true if it was not.
    pub(super) fn aim(&mut self, server: &Server) -> bool {
        let url = server.url.clone().unwrap_or_default();
        let changed = self.text(Field::Target) != url;
        self.put(Field::Target, url);
        self.put(Field::Model, server.model.clone().unwrap_or_default());
        changed
    }
}
