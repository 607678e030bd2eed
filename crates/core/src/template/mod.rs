//! Placeholder until its commit.
/// A parsed Liquid text.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
}
/// What is wrong with a template, and where.
#[derive(Debug, Clone, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}
impl Template {
    /// Parses.
    ///
    /// # Errors
    /// When it is no Liquid.
    pub fn parse(source: &str) -> Result<Template, TemplateError> {
        Ok(Template { source: source.to_owned() })
    }
    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// tmp
#[derive(Debug, Clone, Copy)]
pub enum MissingPolicy {
    /// a
    Empty,
    /// b
    Refuse,
}
/// tmp
#[derive(Debug, Clone, Default)]
pub struct RenderLimits;
/// tmp
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// a
    pub now: crate::time::Timestamp,
    /// b
    pub zone: jiff::tz::TimeZone,
    /// c
    pub missing: MissingPolicy,
    /// d
    pub limits: RenderLimits,
}
/// tmp
#[derive(Debug, Clone, thiserror::Error)]
pub enum RenderError {
    /// a
    #[error("missing")]
    Missing {
        /// p
        path: String,
    },
    /// o
    #[error("other")]
    Other,
}
impl Template {
    /// tmp
    ///
    /// # Errors
    /// x
    pub fn render(
        &self,
        _roots: &[(&str, &serde_json::Value)],
        _options: &RenderOptions,
    ) -> Result<String, RenderError> {
        Ok(self.source.clone())
    }
}
