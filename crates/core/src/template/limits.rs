//! Every limit of the template language, with its default.
//!
//! Must never be raised silently: reaching one is an error that names the limit, never a cut text.

/// Longest source of one template, in bytes.
pub const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// How deep blocks (`if`, `for`, `capture`, `liquid` ...) and brackets (`a[b[c]]`) may nest.
pub const NESTING_MAX: usize = 64;

/// Steps one rendering may take. A node, a loop round and a list item a filter touches cost one
/// step each; text costs one step per [`BYTES_PER_STEP`] bytes that are read or written.
pub const FUEL: u64 = 100_000;

/// Longest result of one rendering, in bytes. Far above any SMS, enough for an e-mail or a webhook.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Longest single text a filter or `capture` may make, in bytes.
pub const STRING_BYTES_MAX: usize = 64 * 1024;

/// Bytes of text that cost one step of fuel.
pub const BYTES_PER_STEP: usize = 32;

/// What one rendering may use. [`RenderLimits::default`] is what messages get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderLimits {
    /// Steps; see [`FUEL`].
    pub fuel: u64,
    /// Bytes of the result; see [`OUTPUT_BYTES_MAX`].
    pub output_bytes: usize,
    /// Bytes of any text made on the way; see [`STRING_BYTES_MAX`].
    pub string_bytes: usize,
}

impl Default for RenderLimits {
    fn default() -> Self {
        RenderLimits { fuel: FUEL, output_bytes: OUTPUT_BYTES_MAX, string_bytes: STRING_BYTES_MAX }
    }
}
