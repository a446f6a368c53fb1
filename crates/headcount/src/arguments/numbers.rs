//! Whole numbers that are typed.

/// Reads a whole number. The parser's own errors are about digits and types.
pub(super) fn whole<Number>(text: &str, least: Number, most: Number) -> Result<Number, String>
where
    Number: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
{
    match text.parse::<Number>() {
        Ok(number) if number < least => Err(format!("write {least} or more")),
        Ok(number) if number <= most => Ok(number),
        Err(_) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err("write a whole number, such as 17".to_owned())
        }
        _ => Err(format!("write at most {most}")),
    }
}
