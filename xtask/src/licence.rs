//! SPDX licence expressions, as far as crates use them: `MIT OR (Apache-2.0 WITH LLVM-exception AND ISC)`.
//!
//! `OR` is a choice, so one allowed side is enough; `AND` asks for both and binds tighter. The old `MIT/Apache-2.0` is a choice.
//! An expression that cannot be read is not allowed.

/// Whether the licences in `allowed` are enough to use a package with the licence `expression`.
pub(crate) fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        words: &words,
        allowed,
    };
    let verdict = reader.choice();
    verdict == Some(true) && reader.words.is_empty()
}

/// What is left to read. Each method reads one construct and says whether it is allowed, `None` if it is malformed.
struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl Reader<'_> {
    fn choice(&mut self) -> Option<bool> {
        let mut verdict = self.all_of()?;
        while self.skip("OR") {
            verdict |= self.all_of()?;
        }
        Some(verdict)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut verdict = self.one()?;
        while self.skip("AND") {
            verdict &= self.one()?;
        }
        Some(verdict)
    }

    fn one(&mut self) -> Option<bool> {
        if self.skip("(") {
            let verdict = self.choice()?;
            return self.skip(")").then_some(verdict);
        }
        let mut name = self.name()?.to_owned();
        if self.skip("WITH") {
            name = format!("{name} WITH {}", self.name()?);
        }
        Some(self.allowed.contains(&name))
    }

    fn name(&mut self) -> Option<&str> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        (!matches!(*word, "(" | ")" | "AND" | "OR" | "WITH")).then_some(word)
    }

    fn skip(&mut self, expected: &str) -> bool {
        let Some((word, rest)) = self.words.split_first() else {
            return false;
        };
        if *word == expected {
            self.words = rest;
        }
        *word == expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let allowed = [
            "MIT",
            "Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "Unicode-3.0",
        ]
        .map(str::to_owned);
        for good in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "LGPL-2.1-or-later OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0-only AND ISC OR MIT",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "MIT WITH LLVM-exception",
            "(MIT",
            "MIT)",
            "MIT OR",
            "MIT MIT",
            "AND",
        ] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }
}
