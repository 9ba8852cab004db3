//! The web pages, embedded: `web/pages` at `/`, the JavaScript client at `/client/`.

use bytes::Bytes;
use fanfare_driver::Asset;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use include_dir::{Dir, File, include_dir};

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../web/pages");
static CLIENT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../web/client");

/// Nothing but our own modules and styles runs; pictures may come from the page's own memory.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; \
                      script-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; \
                      frame-ancestors 'self'";

/// Finds the page, or the part of one, that stands at a path.
pub(crate) fn find(path: &str) -> Option<Asset> {
    let path = path.strip_prefix('/')?;
    if let Some(file) = file(path) {
        return Some(asset(path, file));
    }
    let is_folder = !path.is_empty() && PAGES.get_file(format!("{path}/index.html")).is_some();
    is_folder.then(|| redirect(path)).flatten()
}

fn file(path: &str) -> Option<&'static File<'static>> {
    if let Some(module) = path.strip_prefix("client/") {
        return CLIENT.get_file(module).filter(|_| module.ends_with(".js"));
    }
    let index = if path.is_empty() || path.ends_with('/') { "index.html" } else { "" };
    PAGES.get_file(format!("{path}{index}"))
}

fn asset(path: &str, file: &'static File<'static>) -> Asset {
    let content_type = match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        None | Some(_) => "text/html; charset=utf-8",
    };
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    Asset {
        content_type,
        bytes: Bytes::from_static(file.contents()),
        headers: vec![
            fixed(CONTENT_SECURITY_POLICY, POLICY),
            fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"),
            fixed(REFERRER_POLICY, "no-referrer"),
            // A new server has new pages: ask each time.
            fixed(CACHE_CONTROL, "no-cache"),
        ],
        status: StatusCode::OK,
    }
}

/// A page's own links are relative to its folder, so the folder's name alone is not enough.
fn redirect(path: &str) -> Option<Asset> {
    let to = HeaderValue::try_from(format!("/{path}/")).ok()?;
    Some(Asset {
        content_type: "text/plain; charset=utf-8",
        bytes: Bytes::new(),
        headers: vec![(LOCATION, to)],
        status: StatusCode::PERMANENT_REDIRECT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_what_they_need_are_there() {
        for (path, content_type) in [
            ("/", "text/html; charset=utf-8"),
            ("/chat/", "text/html; charset=utf-8"),
            ("/chat/app.js", "text/javascript; charset=utf-8"),
            ("/shared/base.css", "text/css; charset=utf-8"),
            ("/client/fanfare.js", "text/javascript; charset=utf-8"),
        ] {
            let asset = find(path).expect(path);
            assert_eq!((asset.status, asset.content_type), (StatusCode::OK, content_type), "{path}");
            assert!(!asset.bytes.is_empty());
        }
    }

    #[test]
    fn a_folder_leads_to_its_page_and_nothing_else_is_there() {
        assert_eq!(
            find("/chat").expect("a redirect").headers,
            [(LOCATION, HeaderValue::from_static("/chat/"))]
        );
        for path in
            ["/nothing", "/../Cargo.toml", "/pages/index.html", "/client/package.json", "", "/client/"]
        {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
