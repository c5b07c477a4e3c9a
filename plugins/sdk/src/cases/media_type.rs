//! The media type of a case, by its file's name: the only place of that rule. The build packs cases by it too and includes
//! this file, so it must know nothing but the standard library.

/// `bounce.form` is a form, `post.multipart` one in parts, `failed.xml` XML, anything else JSON; `.in` may follow.
#[must_use]
pub fn media_type(name: &str) -> &'static str {
    match name.trim_end_matches(".in").rsplit('.').next() {
        Some("form") => "application/x-www-form-urlencoded",
        Some("multipart") => "multipart/form-data",
        Some("xml") => "application/xml",
        _ => "application/json",
    }
}
