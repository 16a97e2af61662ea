//! A secret that cannot be shown by accident: no `Debug`, `Display` or `Serialize`.

/// An API key or the like. The only way to its text is [`Secret::reveal`], called where it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`, without the line end that files and prompts leave behind.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The secret of the first of these environment variables that is set and not empty.
    #[must_use]
    pub fn from_env(names: &[&str]) -> Option<Self> {
        names.iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty())).map(|v| Self::new(&v))
    }

    /// The text itself, for a request header or the environment of a process we start.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret replaced by `***`: for what a server sends back.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_key_is_masked() {
        let key = Secret::new("sk-very-secret\n");
        assert_eq!(key.redact("bad key sk-very-secret given"), "bad key *** given");
        assert_eq!(Secret::new("").redact("abc"), "abc");
    }
}
