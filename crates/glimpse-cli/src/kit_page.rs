//! The pages of a recovery kit as one document for a printer: HTML with everything in it, no script and nothing fetched.

use glimpse_core::recovery::{COLUMNS, Page};
use qrcodegen::{DataTooLong, QrCode, QrCodeEcc};
use zeroize::Zeroizing;

/// Blank modules around a QR code (ISO/IEC 18004 section 5.3.8).
const QUIET: i32 = 4;

/// Black on white, one share a page, whatever the screen looks like.
const STYLE: &str = "@page{margin:15mm}html{background:#fff;color:#000;color-scheme:light}\
body{margin:0 auto;max-width:174mm;font:11pt/1.35 sans-serif}\
section{break-after:page;break-inside:avoid;padding:2mm 0}section:last-child{break-after:auto}\
h1{font-size:18pt;margin:0 0 4mm}table{border-collapse:collapse}th{text-align:left;padding-right:6mm;vertical-align:top}\
td{overflow-wrap:anywhere}ol{list-style:none;display:grid;gap:1mm 4mm;padding:4mm;border:1px solid #000;margin:4mm 0}\
li{font:12pt/1.5 monospace;white-space:nowrap}b{display:inline-block;width:2.2em;font-weight:400;text-align:right;padding-right:.6em}\
pre{font:11pt/1.4 monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 0 6mm}p{margin:2.5mm 0}\
div{display:flex;gap:6mm;align-items:center}svg{width:46mm;height:46mm;flex:none}code{font-size:9pt;word-break:break-all}";

/// What the browser that shows the document may do: draw it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The pages as plain text, a form feed between two.
pub(crate) fn text(pages: &[Page]) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(pages.len().saturating_mul(4_096)));
    for (place, page) in pages.iter().enumerate() {
        out.push_str(if place > 0 { "\u{C}" } else { "" });
        out.push_str(&page.to_text());
    }
    out
}

/// The pages as HTML.
///
/// # Errors
/// [`DataTooLong`] never happens: a share's letters fit a QR code several times.
pub(crate) fn html(pages: &[Page]) -> Result<Zeroizing<String>, DataTooLong> {
    // Room for all of it, so that growing leaves no copies behind.
    let mut out = Zeroizing::new(String::with_capacity(pages.len().saturating_add(1).saturating_mul(65_536)));
    out.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"");
    out.push_str(POLICY);
    out.push_str("\">\n<title>Glimpse recovery kit</title>\n<style>");
    out.push_str(STYLE);
    out.push_str("</style></head>\n<body>\n");
    for page in pages {
        section(page, &mut out)?;
    }
    out.push_str("</body></html>\n");
    Ok(out)
}

fn section(page: &Page, out: &mut String) -> Result<(), DataTooLong> {
    out.push_str("<section>\n");
    element("h1", &page.title(), out);
    for paragraph in page.paragraphs() {
        element("p", &paragraph, out);
    }
    let [before, line, after] = page.steps();
    element("p", &before, out);
    element("pre", &line, out);
    element("p", &after, out);
    out.push_str("<table>\n");
    for (name, value) in page.facts() {
        out.push_str("<tr>");
        element("th", name, out);
        element("td", &value, out);
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n<ol style=\"grid-template-columns:repeat(");
    out.push_str(&COLUMNS.to_string());
    out.push_str(",1fr)\">\n");
    for (place, word) in (1usize..).zip(&page.words) {
        out.push_str("<li><b>");
        out.push_str(&place.to_string());
        out.push_str(".</b>");
        escape(word, out);
        out.push_str("</li>\n");
    }
    out.push_str("</ol>\n");
    out.push_str("<div>");
    svg(&page.letters, out)?;
    out.push_str("<p>The square holds the same as the words, for a device that can scan it. So do these letters:<br>");
    element("code", &page.letters, out);
    out.push_str("</p></div>\n</section>\n");
    Ok(())
}

fn element(name: &str, text: &str, out: &mut String) {
    for part in ["<", name, ">"] {
        out.push_str(part);
    }
    escape(text, out);
    for part in ["</", name, ">"] {
        out.push_str(part);
    }
}

/// Text that cannot become markup.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

/// A QR code as a drawing: one path, a run of dark modules in a row each.
fn svg(letters: &str, out: &mut String) -> Result<(), DataTooLong> {
    let code = QrCode::encode_text(letters, QrCodeEcc::Quartile)?;
    let whole = code.size().saturating_add(QUIET.saturating_mul(2)).to_string();
    for part in [
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ",
        &whole,
        " ",
        &whole,
        "\" role=\"img\" aria-label=\"QR code of this share\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><path d=\"",
    ] {
        out.push_str(part);
    }
    for row in 0..code.size() {
        let mut column = 0;
        while column < code.size() {
            let run = (column..code.size()).take_while(|place| code.get_module(*place, row)).count();
            let run = i32::try_from(run).unwrap_or(0);
            if run > 0 {
                let (left, top) = (column.saturating_add(QUIET), row.saturating_add(QUIET));
                out.push_str(&Zeroizing::new(format!("M{left} {top}h{run}v1h-{run}z")));
            }
            column = column.saturating_add(run).saturating_add(1);
        }
    }
    out.push_str("\"/></svg>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use glimpse_core::recovery::{Plan, RecoveryKit, Share};
    use glimpse_wire::AccountId;

    use super::*;

    fn pages(server: &str) -> Vec<Page> {
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        let kit = RecoveryKit::generate(Plan::default(), &mut rng).unwrap();
        kit.shares.iter().map(|share| Page::new(share, AccountId([7; 32]), server, "25 November 2026")).collect()
    }

    /// Draws the path of a QR code again, module by module.
    fn modules(drawing: &str, size: i32) -> Vec<(i32, i32)> {
        let path = drawing.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut dark = Vec::new();
        for run in path.split('z').filter(|run| !run.is_empty()) {
            let numbers: Vec<i32> =
                run.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
            let [left, top, length, ..] = numbers.as_slice() else { panic!("a run: {run}") };
            let columns = *left..left.saturating_add(*length);
            dark.extend(columns.map(|column| (column.saturating_sub(QUIET), top.saturating_sub(QUIET))));
        }
        assert!(dark.iter().all(|(column, row)| (0..size).contains(column) && (0..size).contains(row)));
        dark
    }

    #[test]
    fn each_share_has_a_page_and_nothing_is_fetched_or_run() {
        let pages = pages("https://glimpse.example");
        let document = html(&pages).unwrap();
        assert_eq!(document.matches("<section>").count(), 3);
        // What is to be typed stands alone, and nothing in it is for a program that shows marks otherwise.
        assert_eq!(document.matches("<pre>glimpse recovery restore --server https://glimpse.example</pre>").count(), 3);
        assert!(!document.contains('`'));
        assert!(document.contains("break-after:page") && document.contains("background:#fff;color:#000"));
        for fetched in ["<script", "<link", "<img", "src=", "href=", "url(", "@import", "<iframe"] {
            assert!(!document.contains(fetched), "{fetched}");
        }
        let mut rest = document.to_string();
        for known in ["http-equiv", "http://www.w3.org/2000/svg", "https://glimpse.example"] {
            rest = rest.replace(known, "");
        }
        assert!(!rest.contains("http") && !rest.contains("//"), "no address but the server's, in words");
        assert!(document.capacity() <= 4 * 65_536, "it had room from the start");
    }

    #[test]
    fn the_words_and_the_code_of_a_page_are_its_share() {
        let pages = pages("https://glimpse.example");
        let document = html(&pages).unwrap();
        for (page, section) in pages.iter().zip(document.split("<section>").skip(1)) {
            let words: Vec<&str> = section.split(".</b>").skip(1).map(|item| item.split('<').next().unwrap()).collect();
            let typed = Share::parse(&words.join(" ")).unwrap();
            assert_eq!((typed.index(), typed.to_words()), (page.index, page.words.clone()));
            let code = QrCode::encode_text(&page.letters, QrCodeEcc::Quartile).unwrap();
            let dark = modules(section, code.size());
            let expected: Vec<(i32, i32)> = (0..code.size())
                .flat_map(|row| (0..code.size()).map(move |column| (column, row)))
                .filter(|(column, row)| code.get_module(*column, *row))
                .collect();
            assert_eq!(dark, expected);
        }
    }

    #[test]
    fn what_came_from_elsewhere_is_no_markup() {
        let pages = pages("https://x\"><script>alert('&')</script>");
        let document = html(&pages).unwrap();
        assert!(!document.contains("<script"));
        assert!(document.contains("https://x&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"));
    }

    #[test]
    fn as_text_each_share_begins_a_page() {
        let pages = pages("https://glimpse.example");
        let document = text(&pages);
        assert_eq!(document.split('\u{C}').count(), 3);
        assert!(document.split('\u{C}').all(|page| page.starts_with("Glimpse recovery kit: share ")));
    }
}
