//! Tokens that announce themselves: a prefix the issuer chose so that scanners find them, and a body.
//!
//! One line for each. The body is read no further than it takes to decide, so that a text of nothing but prefixes is
//! still read in linear time.

use super::entropy::Shape;
use super::kind::Kind;
use super::text::{breaks, is_start};

/// Which bytes a body is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Hex,
    /// Hexadecimal and `-`, as UUIDs have it.
    Uuid,
    /// Upper case and digits.
    Upper,
    Alnum,
    Word,
    Dash,
    Dot,
    B64,
}

impl Set {
    pub(super) const fn holds(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Uuid => byte.is_ascii_hexdigit() || byte == b'-',
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Dash => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dot => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'='),
            Self::B64 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'~' | b':')
            }
        }
    }
}

/// How sure the prefix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sure {
    /// The prefix is enough.
    Yes,
    /// The body must look random.
    Random,
    /// The body has exactly the least length.
    Exact,
    /// That, and upper case, lower case and digits in it: the prefix says next to nothing.
    Mixed,
}

/// A token's form.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) prefix: &'static str,
    set: Set,
    least: usize,
    sure: Sure,
    pub(super) kind: Kind,
}

const fn token(prefix: &'static str, set: Set, least: usize) -> Format {
    Format { prefix, set, least, sure: Sure::Yes, kind: Kind::Token }
}

const fn key(prefix: &'static str, set: Set, least: usize) -> Format {
    Format { prefix, set, least, sure: Sure::Yes, kind: Kind::ApiKey }
}

const fn random(prefix: &'static str, set: Set, least: usize) -> Format {
    Format { prefix, set, least, sure: Sure::Random, kind: Kind::ApiKey }
}

const fn mixed(prefix: &'static str, set: Set, least: usize) -> Format {
    Format { prefix, set, least, sure: Sure::Mixed, kind: Kind::ApiKey }
}

const fn exact(prefix: &'static str, set: Set, least: usize) -> Format {
    Format { prefix, set, least, sure: Sure::Exact, kind: Kind::ApiKey }
}

/// The formats, by issuer.
pub(super) const FORMATS: &[Format] = &[
    // ours
    random("slk_", Set::Word, 16),
    // clouds
    exact("AKIA", Set::Upper, 16),
    exact("ASIA", Set::Upper, 16),
    exact("ABIA", Set::Upper, 16),
    exact("ACCA", Set::Upper, 16),
    random("A3T", Set::Upper, 17),
    random("LTAI", Set::Alnum, 12),
    random("ABSK", Set::B64, 40),
    key("bedrock-api-key-", Set::B64, 16),
    key("AIza", Set::Dash, 30),
    token("ya29.", Set::Dot, 20),
    key("GOCSPX-", Set::Dash, 20),
    token("1//0", Set::Dash, 30),
    key("GOOG1E", Set::Alnum, 20),
    token("dop_v1_", Set::Hex, 32),
    token("doo_v1_", Set::Hex, 32),
    token("dor_v1_", Set::Hex, 32),
    token("dapi", Set::Hex, 32),
    token("hvs.", Set::Dash, 20),
    token("hvb.", Set::Dash, 20),
    token("hvr.", Set::Dash, 20),
    random("s.", Set::Alnum, 24),
    token("dp.pt.", Set::Alnum, 20),
    token("dp.st.", Set::Dot, 20),
    token("dp.ct.", Set::Alnum, 20),
    token("dp.sa.", Set::Alnum, 20),
    token("dp.scim.", Set::Alnum, 20),
    token("dp.audit.", Set::Alnum, 20),
    token("pul-", Set::Hex, 32),
    token("pscale_tkn_", Set::Dot, 20),
    token("pscale_pw_", Set::Dot, 20),
    token("pscale_oauth_", Set::Dot, 20),
    token("fo1_", Set::Dash, 30),
    token("fm1a_", Set::B64, 40),
    token("fm1r_", Set::B64, 40),
    token("fm2_", Set::B64, 40),
    token("tk-us-", Set::Dash, 30),
    key("HRKU-", Set::Dash, 30),
    mixed("4b1d", Set::Alnum, 38),
    token("v1.0-", Set::Dot, 100),
    token("ocid1.apikey.", Set::Dot, 20),
    token("nvapi-", Set::Dash, 30),
    random("rpa_", Set::Alnum, 32),
    random("tfp_", Set::Word, 32),
    random("AKID", Set::Alnum, 32),
    token("AQVN", Set::Dash, 35),
    random("t1.", Set::Dot, 80),
    random("y0_", Set::Dash, 40),
    mixed("YC", Set::Dash, 38),
    token("cfut_", Set::Alnum, 40),
    token("cfat_", Set::Alnum, 40),
    token("cfk_", Set::Alnum, 40),
    token("sha256~", Set::Dash, 40),
    key("nfp_", Set::Alnum, 30),
    key("vcp_", Set::Alnum, 24),
    key("vci_", Set::Alnum, 24),
    key("vca_", Set::Alnum, 24),
    key("vcr_", Set::Alnum, 24),
    key("vck_", Set::Alnum, 24),
    random("rnd_", Set::Alnum, 28),
    key("napi_", Set::Alnum, 40),
    key("xau_", Set::Alnum, 24),
    key("ddp_", Set::Alnum, 30),
    key("ddo_", Set::Alnum, 30),
    token("akab-", Set::Dash, 30),
    // code
    token("ghp_", Set::Alnum, 20),
    token("gho_", Set::Alnum, 20),
    token("ghu_", Set::Alnum, 20),
    token("ghs_", Set::Alnum, 20),
    token("ghr_", Set::Alnum, 20),
    token("github_pat_", Set::Word, 22),
    token("glpat-", Set::Dot, 16),
    token("gldt-", Set::Dash, 16),
    token("glft-", Set::Dash, 16),
    token("glrt-", Set::Dot, 16),
    token("glcbt-", Set::Dash, 16),
    token("glptt-", Set::Hex, 30),
    token("glagent-", Set::Dash, 20),
    token("gloas-", Set::Dash, 30),
    token("glsoat-", Set::Dash, 16),
    token("glimt-", Set::Dash, 16),
    token("glffct-", Set::Dash, 16),
    token("GR1348941", Set::Dash, 16),
    token("ATATT3", Set::Dot, 40),
    token("ATCTT3", Set::Dot, 40),
    random("ATBB", Set::Alnum, 24),
    token("BBDC-", Set::B64, 30),
    token("npm_", Set::Alnum, 30),
    token("pypi-", Set::Dash, 50),
    random("cio", Set::Alnum, 32),
    token("rubygems_", Set::Hex, 32),
    token("CLOJARS_", Set::Alnum, 40),
    random("oy2", Set::Alnum, 43),
    token("dckr_pat_", Set::Dash, 20),
    token("dckr_oat_", Set::Dash, 20),
    token("AKCp", Set::Alnum, 60),
    token("cmVmdGtu", Set::Alnum, 50),
    token("sqp_", Set::Hex, 32),
    token("sqa_", Set::Hex, 32),
    token("squ_", Set::Hex, 32),
    token("sgp_", Set::Word, 40),
    token("slk-usr_", Set::Word, 20),
    token("CCIPAT_", Set::Word, 30),
    token("CCIPRJ_", Set::Word, 30),
    token("bkua_", Set::Hex, 32),
    random("phx_", Set::Word, 32),
    token("snyk_uat.", Set::Dot, 30),
    token("snyk_sat.", Set::Dot, 30),
    exact("API-", Set::Upper, 26),
    random("ico-", Set::Alnum, 32),
    random("pat.", Set::Dot, 60),
    random("sat.", Set::Dot, 60),
    exact("sdk-", Set::Uuid, 36),
    token("CFPAT-", Set::Dash, 40),
    token("s-s4t2ud-", Set::Hex, 60),
    token("s-s4t2af-", Set::Hex, 60),
    key("signkey-", Set::Dash, 40),
    key("jina_", Set::Alnum, 40),
    key("e2b_", Set::Hex, 40),
    exact("fc-", Set::Hex, 32),
    // people and messages
    token("xoxb-", Set::Dash, 16),
    token("xoxp-", Set::Dash, 16),
    token("xoxa-", Set::Dash, 8),
    token("xoxr-", Set::Dash, 8),
    token("xoxs-", Set::Dash, 12),
    token("xoxo-", Set::Dash, 12),
    token("xoxe-", Set::Dash, 16),
    token("xoxe.", Set::Dot, 16),
    token("xoxc-", Set::Dash, 16),
    token("xoxd-", Set::B64, 16),
    token("xapp-", Set::Dash, 16),
    token("xwfp-", Set::Dash, 16),
    exact("SK", Set::Hex, 32),
    key("SG.", Set::Dot, 40),
    exact("key-", Set::Alnum, 32),
    key("pubkey-live-", Set::Hex, 32),
    key("xkeysib-", Set::Dash, 40),
    key("xsmtpsib-", Set::Dash, 40),
    random("re_", Set::Word, 32),
    token("lin_api_", Set::Alnum, 30),
    token("lin_oauth_", Set::Alnum, 30),
    token("ntn_", Set::Alnum, 40),
    random("secret_", Set::Alnum, 40),
    // Airtable: 14, a full stop and 64
    random("pat", Set::Dot, 79),
    token("dG9rO", Set::B64, 40),
    token("mlsn.", Set::Hex, 60),
    token("testsk_", Set::Dash, 24),
    token("PMAK-", Set::Dash, 40),
    token("PMAT-", Set::Alnum, 20),
    token("figd_", Set::Dash, 30),
    token("fio-u-", Set::Dot, 40),
    token("pat-na1-", Set::Dash, 30),
    token("pat-eu1-", Set::Dash, 30),
    token("EAAB", Set::Alnum, 80),
    token("EAAC", Set::Alnum, 80),
    token("EAAG", Set::Alnum, 80),
    token("EAAJ", Set::Alnum, 80),
    token("EAAM", Set::Alnum, 80),
    random("IGQ", Set::Dash, 80),
    random("sl.", Set::Dot, 100),
    token("ops_eyJ", Set::B64, 80),
    // money
    key("sk_live_", Set::Alnum, 10),
    key("sk_test_", Set::Alnum, 10),
    key("sk_prod_", Set::Alnum, 10),
    key("rk_live_", Set::Alnum, 10),
    key("rk_test_", Set::Alnum, 10),
    key("rk_prod_", Set::Alnum, 10),
    key("whsec_", Set::B64, 16),
    key("sq0atp-", Set::Dash, 20),
    key("sq0csp-", Set::Dash, 30),
    key("EAAA", Set::Dash, 50),
    key("shpat_", Set::Hex, 30),
    key("shpca_", Set::Hex, 30),
    key("shppa_", Set::Hex, 30),
    key("shpss_", Set::Hex, 30),
    key("access-sandbox-", Set::Dash, 36),
    key("access-development-", Set::Dash, 36),
    key("access-production-", Set::Dash, 36),
    key("FLWSECK_TEST-", Set::Dash, 12),
    key("FLWSECK-", Set::Dash, 20),
    exact("live_", Set::Hex, 35),
    exact("test_", Set::Hex, 35),
    key("api_live.", Set::Dot, 40),
    key("api_sandbox.", Set::Dot, 40),
    key("EZAK", Set::Alnum, 50),
    key("EZTK", Set::Alnum, 50),
    // models
    key("sk-ant-", Set::Dash, 16),
    key("sk-proj-", Set::Dash, 16),
    key("sk-svcacct-", Set::Dash, 16),
    key("sk-admin-", Set::Dash, 16),
    key("sk-or-v1-", Set::Hex, 32),
    exact("sk-", Set::Hex, 32),
    random("sk-", Set::Dash, 20),
    random("sk_", Set::Word, 24),
    // letters alone, often
    key("hf_", Set::Alnum, 30),
    key("api_org_", Set::Alnum, 30),
    key("gsk_", Set::Alnum, 40),
    key("xai-", Set::Alnum, 40),
    key("pplx-", Set::Alnum, 32),
    key("r8_", Set::Alnum, 30),
    random("co-", Set::Alnum, 40),
    key("pcsk_", Set::Word, 40),
    key("lsv2_pt_", Set::Word, 32),
    key("lsv2_sk_", Set::Word, 32),
    key("tvly-", Set::Dash, 28),
    random("fw_", Set::Alnum, 22),
    key("tgp_v1_", Set::Dash, 40),
    key("wandb_v1_", Set::Word, 40),
    random("pa-", Set::Dash, 40),
    random("csk-", Set::Alnum, 40),
    random("nk-", Set::Dash, 40),
    random("sess-", Set::Alnum, 40),
    key("sk.eyJ", Set::Dot, 40),
    key("tk.eyJ", Set::Dot, 40),
    // watching
    token("glsa_", Set::Word, 30),
    token("glc_", Set::B64, 32),
    token("sntryu_", Set::Hex, 32),
    token("sntrys_", Set::B64, 32),
    token("dt0c01.", Set::Dot, 40),
    token("dt0s01.", Set::Dot, 40),
    key("NRAK-", Set::Alnum, 20),
    key("NRII-", Set::Dash, 20),
    key("NRJS-", Set::Hex, 16),
    key("NRRA-", Set::Hex, 30),
    // the rest
    mixed("00", Set::Dash, 40),
    key("p8e-", Set::Alnum, 20),
    key("dnkey-", Set::Dash, 40),
    key("duffel_live_", Set::Dash, 30),
    key("duffel_test_", Set::Dash, 30),
    key("shippo_live_", Set::Hex, 30),
    key("shippo_test_", Set::Hex, 30),
    key("rdme_", Set::Alnum, 40),
    random("pnu_", Set::Alnum, 30),
    random("aio_", Set::Alnum, 28),
    key("sm_aat_", Set::Alnum, 16),
    key("sm_pat_", Set::Alnum, 16),
    key("sm_sat_", Set::Alnum, 16),
    random("A3-", Set::Dash, 30),
    key("tskey-", Set::Dash, 16),
    key("sbp_", Set::Hex, 32),
    key("sb_secret_", Set::Dash, 20),
    key("AGE-SECRET-KEY-1", Set::Alnum, 30),
    key("ubdc_", Set::Word, 20),
    random("live_", Set::Dash, 40),
    token("eyJrIjoi", Set::B64, 40),
];

impl Format {
    /// The end of the token that begins at `at`.
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        let body = at + self.prefix.len();
        if text.get(at..body)? != self.prefix.as_bytes() || !is_start(text, at) {
            return None;
        }
        // one unsure prefix after another: only the first may begin a token
        if self.sure == Sure::Random && at > 0 && text[at - 1] == b'-' {
            return None;
        }
        let (end, count) = self.run(text, body);
        let enough = match self.sure {
            Sure::Yes => count >= self.least,
            Sure::Random => {
                let shape = Shape::of(&text[body..end]);
                count >= self.least && shape.strangeness() >= 30 && shape.digits > 0 && shape.letters() > 3
            }
            Sure::Mixed => {
                let shape = Shape::of(&text[body..end]);
                count == self.least
                    && shape.lower > 2
                    && shape.upper > 2
                    && shape.digits > 0
                    && !at_separator(text, body)
            }
            Sure::Exact => count == self.least && !text.get(end).is_some_and(u8::is_ascii_alphanumeric),
        };
        enough.then(|| self.whole(text, end))
    }

    /// The body's end and length, over line breaks if it is too short before them; read only as far as it takes.
    fn run(&self, text: &[u8], body: usize) -> (usize, usize) {
        let (mut end, mut count) = (body, 0);
        let stop = match self.sure {
            Sure::Yes => self.least,
            Sure::Random => self.least.max(40),
            Sure::Exact | Sure::Mixed => self.least + 1,
        };
        while count < stop {
            match text.get(end) {
                Some(byte) if self.set.holds(*byte) => {
                    end += 1;
                    count += 1;
                }
                Some(_) if count >= 4 && count < self.least => match breaks(text, end) {
                    0 => break,
                    skipped if text.get(end + skipped).is_some_and(|b| self.set.holds(*b)) => end += skipped,
                    _ => break,
                },
                _ => break,
            }
        }
        (end, count)
    }

    /// All of the token, and what follows a line break up to the closing quote.
    fn whole(&self, text: &[u8], from: usize) -> usize {
        let more = |mut end: usize| {
            while text.get(end).is_some_and(|byte| self.set.holds(*byte)) {
                end += 1;
            }
            end
        };
        let end = more(from);
        quoted_rest(text, end, more).unwrap_or_else(|| trimmed(text, from, end))
    }
}

/// What follows a line break inside quotes belongs to the token before it when nothing else stands before the closing
/// quote.
pub(super) fn quoted_rest(text: &[u8], mut end: usize, more: impl Fn(usize) -> usize) -> Option<usize> {
    let mut lines = 0;
    loop {
        let skipped = breaks(text, end);
        if skipped == 0 || lines == 64 {
            break;
        }
        end = more(end + skipped);
        lines += 1;
    }
    (lines > 0 && matches!(text.get(end), Some(b'"' | b'\'' | b'`'))).then_some(end)
}

fn at_separator(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b'-')
}

/// A full stop or colon at the end belongs to the sentence.
fn trimmed(text: &[u8], from: usize, end: usize) -> usize {
    let kept = text[from..end].iter().rev().take_while(|b| matches!(b, b'.' | b':')).count();
    end - kept
}
