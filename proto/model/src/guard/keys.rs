//! Which names announce a secret.
//!
//! One principle does most of the work: in a compound name the *last* noun says what it is. A `token_url` is a URL, a
//! `password_reset` a reset, a `secret_name` a name; a `client_secret` is a secret. So a name counts when its head noun
//! does, after dropping words such as `new`, `confirmation` or `prod` that say nothing about what it is.

use std::sync::LazyLock;

use super::kind::Kind;
use super::text::WordSet;

/// How much the value must look like a secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// Anything but a placeholder: people choose passwords.
    Any,
    /// A compound such as `access_token`: nearly anything.
    Named,
    /// `token` or `auth` alone: made by a machine.
    Bare,
    /// A session's name or a signature: long, and no UUID or number.
    Session,
    /// `some_key`: random.
    Weak,
    /// `Cookie:` and `Set-Cookie:`.
    Cookie,
    /// `Authorization:`.
    Header,
    /// `card_number`: the number of a payment card.
    Card,
}

/// What a name announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) strength: Strength,
    pub(super) kind: Kind,
    /// The name alone is also used for other things: a short number is a count (`pass=3`), a digest names an object
    /// (`key=d41d8c…`).
    pub(super) counts: bool,
    /// The name is used for nothing but a secret: a field of that name is one, whatever its value looks like.
    pub(super) sure: bool,
}

impl Key {
    const fn new(strength: Strength, kind: Kind) -> Self {
        Self { strength, kind, counts: false, sure: false }
    }

    const fn counting(strength: Strength, kind: Kind) -> Self {
        Self { strength, kind, counts: true, sure: false }
    }
}

/// Stems that the prefilter looks for: no name is classified that holds none of them.
pub(super) const STEMS: &str = "\
    pass pwd psw secret token key auth cred cookie session sess sid csrf xsrf otp mfa 2fa factor pin cvv cvc \
    signature sig jwt bearer mnemonic seed_phrase seedphrase verification_code backup_code recovery_code _pat api \
    access login saml ticket senha wachtwoord contrasena kennwort parola heslo haslo sifre salasana adgangskode \
    losenord jelszo lozinka";
/// The same in writings other than ASCII, each in the spellings of upper and lower case that occur: nothing folds them.
pub(super) const FOREIGN: [&str; 36] = [
    "contraseña",
    "CONTRASEÑA",
    "contrasen\u{303}a",
    "пароль",
    "Пароль",
    "ПАРОЛЬ",
    "Парола",
    "парола",
    "гасло",
    "Гасло",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "パスフレーズ",
    "暗証番号",
    "비밀번호",
    "암호",
    "şifre",
    "ŞİFRE",
    "Şifre",
    "hasło",
    "HASŁO",
    "lösenord",
    "LÖSENORD",
    "jelszó",
    "JELSZÓ",
    "mật khẩu",
    "Mật khẩu",
    "סיסמה",
    "סיסמא",
    "كلمة المرور",
    "كلمة السر",
    "पासवर्ड",
    "รหัสผ่าน",
    "κωδικός πρόσβασης",
];

/// Names of services: `stripe = "…"`, `DATADOG_API: …`. They announce nothing but random values.
pub(super) const VENDORS: &str = "\
    adafruit adobe airtable algolia alibaba artifactory asana atlassian beamer bittrex cloudflare codecov cohere \
    coinbase confluent contentful databricks datadog discord droneci dropbox facebook fastly finicity finnhub \
    flickr freshbooks gitter heroku hubspot intercom kraken kucoin launchdarkly linkedin mailchimp mapbox \
    mattermost messagebird meraki netlify newrelic nytimes okta openai plaid rapidapi sendbird sendgrid \
    shodan snyk sonar squarespace sumologic telegram travis trello twilio twitch twitter typeform \
    yandex zendesk";

static NAMED_AFTER: LazyLock<WordSet> = LazyLock::new(|| set(VENDORS));

fn set(words: &'static str) -> WordSet {
    words.split_ascii_whitespace().collect()
}

/// Words that may follow the head noun without changing what it is.
static QUALIFIERS: LazyLock<WordSet> = LazyLock::new(|| {
    set("again b64 backup base base64 confirm confirmation confirmed current default dev development encoded \
         encrypted env header live main new old plain plaintext previous prod production raw repeat repeated \
         sandbox secondary staging str string test text val value")
});

/// Head nouns that are never the secret itself.
static NEUTRAL: LazyLock<WordSet> = LazyLock::new(|| {
    set("action age alg algorithm alias arn at attempts audience author bucket budget changed checksum class column \
         commit count counts created cursor date description digest dir directory disabled domain email enabled \
         endpoint error errors event expiration expired expires expiry field fields file filename fingerprint \
         folder format group guid hint host hostname href id ids image in index info issuer kind label len length \
         level limit link location manager max message method min mode msg name names namespace num number on owner \
         page path platform policy port prefix project protocol provider pub public ref reference region request \
         required reset resource response result role scheme scope scopes selector sequence server service sha sha1 \
         sha256 size source state status store subject suffix table team thumbprint time timeout timestamp title \
         topic total ttl type types uid updated uri uris url urls usage used user username uuid vault version \
         arguments manager mechanism failure failures success")
});

/// `x_token` that is a count or a position.
static COUNTED: LazyLock<WordSet> = LazyLock::new(|| {
    set("audio cached completion continuation cursor eos input max min next num output page prompt public reasoning \
         remaining stop total unexpected used write creation")
});

/// `x_key` that opens a lock.
static LOCKS: LazyLock<WordSet> = LazyLock::new(|| {
    set("access account activation admin aes api apis app application auth authorization cipher client consumer \
         crypto decryption deploy encrypt encryption functions hmac ingest integration jwt licence license mailgun \
         master openai pgp private rsa sas secret sendgrid service shared sign signing ssh ssl storage stripe \
         subscription symmetric tls twilio virtual wallet webhook")
});

/// `x_key` that finds or names something.
static FINDERS: LazyLock<WordSet> = LazyLock::new(|| {
    set("arrow bucket cache clustering column composite config dedup dedupe dict entity event field foreign group \
         hash host hot i18n idempotency idempotent index issue item json label lookup map message metric natural \
         node object partition primary property pub public publishable range record registry routing row schema \
         search sequence setting shard shortcut sort tag translation unique verification verify")
});

/// A name cut into lower-case words; only its end counts, so the buffer is small.
struct Words {
    text: [u8; Self::BYTES],
    ends: [u8; Self::MOST],
    count: usize,
}

impl Words {
    const BYTES: usize = 64;
    const MOST: usize = 16;

    fn of(name: &[u8]) -> Self {
        let name = &name[name.len().saturating_sub(Self::BYTES)..];
        let mut words = Self { text: [0; Self::BYTES], ends: [0; Self::MOST], count: 0 };
        let mut len = 0u8;
        for (at, &byte) in name.iter().enumerate() {
            let before = at.checked_sub(1).map_or(b' ', |at| name[at]);
            let after = name.get(at + 1).copied().unwrap_or(b' ');
            let camel = byte.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit())
                || byte.is_ascii_uppercase() && before.is_ascii_uppercase() && after.is_ascii_lowercase();
            if camel || !byte.is_ascii_alphanumeric() {
                words.close(len);
            }
            if byte.is_ascii_alphanumeric() {
                words.text[usize::from(len)] = byte.to_ascii_lowercase();
                len += 1;
            }
        }
        words.close(len);
        words
    }

    fn close(&mut self, len: u8) {
        let before = self.count.checked_sub(1).map_or(0, |last| self.ends[last]);
        if len == before {
            return;
        }
        if self.count == Self::MOST {
            self.ends.copy_within(1.., 0);
            self.count -= 1;
        }
        self.ends[self.count] = len;
        self.count += 1;
    }

    fn get(&self, at: usize) -> &str {
        let from = at.checked_sub(1).map_or(0, |at| usize::from(self.ends[at]));
        std::str::from_utf8(&self.text[from..usize::from(self.ends[at])]).unwrap_or("")
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count).map(|at| self.get(at))
    }
}

/// Names of a payment card's number.
static CARDS: LazyLock<WordSet> = LazyLock::new(|| {
    set("card cardno cardnum cardnumber cc ccno ccnum ccnumber creditcard debitcard kartennummer kreditkarte \
         kreditkartennummer pan tarjeta")
});

/// What a field of JSON or of a form announces: a name that does not tell by itself may be that of a card, whose number tells.
pub(super) fn classify_field(name: &[u8]) -> Option<Key> {
    let words = Words::of(name);
    let key = classify_words(name, &words);
    if key.is_some_and(|key| key.strength != Strength::Weak) {
        return key;
    }
    let is_id = words.count > 1 && matches!(words.get(words.count - 1), "id" | "uuid");
    let card = !is_id && words.iter().any(|word| CARDS.contains(word));
    if card { Some(Key::new(Strength::Card, Kind::Secret)) } else { key }
}

/// A password's name in another writing: `новый_пароль`.
fn is_foreign(name: &[u8]) -> bool {
    let said = name.iter().rposition(|byte| !byte.is_ascii() || byte.is_ascii_alphabetic());
    let name = said.map_or(name, |last| &name[..=last]);
    let ends = |word: &str| name.split_at_checked(name.len().wrapping_sub(word.len())).map(|(_, end)| end);
    FOREIGN.iter().any(|word| ends(word).is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes())))
}

/// What a name announces, if anything.
pub(super) fn classify(name: &[u8]) -> Option<Key> {
    classify_words(name, &Words::of(name))
}

fn classify_words(name: &[u8], words: &Words) -> Option<Key> {
    if !name.is_ascii() && is_foreign(name) {
        return Some(Key { sure: true, ..Key::new(Strength::Any, Kind::Password) });
    }
    let mut head = words.count.checked_sub(1)?;
    let says_nothing = |word: &str| QUALIFIERS.contains(word) || word.bytes().all(|b| b.is_ascii_digit());
    while head > 0 && says_nothing(words.get(head)) && !is_noun(words.get(head), words.get(head - 1)) {
        head -= 1;
    }
    if words.iter().any(|word| matches!(word, "public" | "pub" | "publishable")) {
        return None;
    }
    let modifier = if head > 0 { words.get(head - 1) } else { "" };
    let noun = words.get(head);
    let named = noun_key(modifier, noun).map(|key| Key { sure: is_sure(key, modifier, noun), ..key });
    named.or_else(|| {
        let known = NEUTRAL.contains(noun) || says_nothing(noun) || is_counted(words);
        let hinted = words.iter().any(|word| {
            ["password", "passwd", "secret", "token", "apikey", "credential", "credentials", "auth"].contains(&word)
                || NAMED_AFTER.contains(word)
        });
        (!known && hinted).then_some(Key::new(Strength::Weak, Kind::Secret))
    })
}

/// Whether a name is used for nothing but a secret. `auth`, `session` and `key` are used for much else, and a plural for
/// counts and lists of names.
fn is_sure(key: Key, modifier: &str, noun: &str) -> bool {
    let ends = |tails: &[&str]| tails.iter().any(|tail| noun.ends_with(tail));
    match key.strength {
        Strength::Any => !key.counts,
        Strength::Header | Strength::Cookie => true,
        Strength::Session => noun.ends_with("sessionid") || noun.ends_with("sessid") || noun == "id",
        Strength::Bare => matches!(noun, "secret" | "token" | "credential" | "credentials"),
        Strength::Named if noun == "key" => {
            matches!(modifier, "api" | "private" | "secret" | "access" | "signing" | "encryption" | "auth" | "master")
        }
        Strength::Named => {
            ends(&["secret", "token", "apikey", "secretkey", "privatekey", "accesskey", "authkey", "signingkey", "jwt"])
        }
        Strength::Weak | Strength::Card => false,
    }
}

fn is_counted(words: &Words) -> bool {
    words.iter().any(|word| COUNTED.contains(word) || matches!(word, "public" | "primary" | "foreign"))
}

/// A qualifier that is a noun after all: the `2fa` of `code_2fa` ends in no digit, `factor` needs its `two`.
fn is_noun(word: &str, before: &str) -> bool {
    word == "2fa" || (word == "base" && before != "key")
}

/// What people choose, or type in from a device.
fn password_key(modifier: &str, noun: &str) -> Option<Key> {
    use Strength::Any;
    Some(match noun {
        "pass" => Key::counting(Any, Kind::Password),
        "dbpass" | "userpass" | "smtppass" | "mailpass" | "ftppass" | "mysqlpass" | "adminpass" | "rootpass" | "pw"
        | "pword" | "pswd" | "psw" | "passwords" | "mnemonic" | "passcode" | "keypass" | "storepass" => {
            Key::new(Any, Kind::Password)
        }
        "otp" | "totp" | "2fa" | "passphrase" => Key::new(Any, Kind::Password),
        "phrase" if matches!(modifier, "seed" | "pass" | "recovery") => Key::new(Any, Kind::Password),
        "factor" if modifier == "two" => Key::new(Any, Kind::Password),
        // `mot de passe`, `palavra-passe`; alone it is also a pass of any other kind
        "passe" => Key::counting(Any, Kind::Password),
        "motdepasse" | "palavrapasse" | "kennwort" | "parola" | "heslo" | "haslo" | "sifre" | "salasana"
        | "adgangskode" | "losenord" | "passord" | "jelszo" | "lozinka" => Key::new(Any, Kind::Password),
        "word" if modifier == "pass" => Key::new(Any, Kind::Password),
        // `pin` alone is a pin of a board, too
        "pin" if !matches!(modifier, "card" | "user" | "account" | "access" | "security" | "sim") => {
            Key::counting(Any, Kind::Password)
        }
        "pin" | "cvv" | "cvc" | "cvv2" => Key::new(Any, Kind::Password),
        "code"
            if matches!(
                modifier,
                "otp" | "mfa" | "totp" | "2fa" | "factor" | "backup" | "recovery" | "verification"
            ) =>
        {
            Key::new(Any, Kind::Password)
        }
        _ => return None,
    })
}

fn noun_key(modifier: &str, noun: &str) -> Option<Key> {
    use Strength::{Any, Bare, Cookie, Header, Named, Session, Weak};
    let compound = !modifier.is_empty();
    let noun =
        Some(noun.trim_end_matches(|c: char| c.is_ascii_digit())).filter(|bare| !bare.is_empty()).unwrap_or(noun);
    let ends = |tails: &[&str]| tails.iter().any(|tail| noun.ends_with(tail));
    if let Some(key) = password_key(modifier, noun) {
        return Some(key);
    }
    Some(match noun {
        "public" | "author" | "turkey" | "monkey" | "hockey" | "donkey" | "jockey" | "whiskey" | "hotkey" => {
            return None;
        }
        "samlresponse" | "samlrequest" | "samlart" => Key::new(Named, Kind::Token),
        "response" | "request" if modifier == "saml" => Key::new(Named, Kind::Token),
        "ticket" => Key::counting(Weak, Kind::Token),
        "hash" if matches!(modifier, "password" | "passwd" | "pass") => Key::new(Bare, Kind::Password),
        "secret" | "secrets" if !compound => Key::new(Bare, Kind::Secret),
        "token" | "tokens" if COUNTED.contains(modifier) => return None,
        "token" | "tokens" if !compound => Key::counting(Bare, Kind::Token),
        "auth" | "oauth" => Key::counting(Bare, Kind::Token),
        "credential" | "credentials" | "cred" | "creds" => Key::counting(Bare, Kind::Secret),
        "authorization" | "proxyauthorization" => Key::new(Header, Kind::Bearer),
        "cookie" | "cookies" | "setcookie" => Key::new(Cookie, Kind::Cookie),
        "session" | "sess" | "sid" | "sessionid" | "phpsessid" | "jsessionid" | "sessid" | "sentrysid"
        | "mysession" | "irissessionid" | "fasthttpsessionid" | "aspxauth" => Key::counting(Session, Kind::Session),
        "id" if matches!(modifier, "session" | "sess") => Key::counting(Session, Kind::Session),
        "signature" | "sig" => Key::counting(Session, Kind::Signature),
        "csrf" | "xsrf" | "jwt" | "bearer" => Key::counting(Named, Kind::Token),
        "pat" if compound => Key::counting(Named, Kind::Token),
        "key" | "keys" if FINDERS.contains(modifier) => return None,
        "key" | "keys" if LOCKS.contains(modifier) => Key::counting(Named, lock_kind(modifier)),
        "key" | "keys" if !compound => Key::counting(Weak, Kind::ApiKey),
        "key" | "keys" | "api" | "access" => Key::new(Weak, Kind::ApiKey),
        "login" if modifier == "sonar" => Key::new(Weak, Kind::Token),
        _ if ends(&[
            "password",
            "passwd",
            "passwort",
            "kennwort",
            "passphrase",
            "pwd",
            "senha",
            "wachtwoord",
            "contrasena",
        ]) =>
        {
            Key::new(Any, Kind::Password)
        }
        _ if ends(&["secret", "secrets"]) => Key::counting(Named, Kind::Secret),
        _ if ends(&["token", "tokens"]) => Key::counting(Named, Kind::Token),
        _ if ends(&["publickey", "primarykey", "foreignkey", "cachekey", "sortkey"]) => return None,
        _ if ends(&["apikey", "apikeys", "secretkey", "accesskey", "authkey", "masterkey", "signingkey", "appkey"]) => {
            Key::counting(Named, Kind::ApiKey)
        }
        _ if ends(&["privatekey", "encryptionkey", "accountkey", "sharedkey", "licensekey", "clientkey"]) => {
            Key::counting(Named, Kind::ApiKey)
        }
        _ if ends(&["signature"]) => Key::counting(Session, Kind::Signature),
        _ if ends(&["key"]) || NAMED_AFTER.contains(noun) => Key::new(Weak, Kind::ApiKey),
        _ => return None,
    })
}

/// Whether a name says that its value is no secret: `username`, `expires_at`.
pub(super) fn is_neutral(name: &[u8]) -> bool {
    let words = Words::of(name);
    words.count.checked_sub(1).is_some_and(|head| NEUTRAL.contains(words.get(head)))
}

/// Whether a word before a name, with a space between, belongs to it: `private key`, `access token`, `max tokens`.
pub(super) fn joins(word: &[u8]) -> bool {
    let mut lower = [0; 16];
    let Some(lower) = lower.get_mut(..word.len()) else {
        return false;
    };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).is_ok_and(|word| {
        LOCKS.contains(word)
            || FINDERS.contains(word)
            || COUNTED.contains(word)
            || matches!(word, "refresh" | "bearer" | "session" | "personal" | "two" | "verification" | "csrf")
    })
}

fn lock_kind(modifier: &str) -> Kind {
    match modifier {
        "private" | "ssh" | "rsa" | "pgp" | "tls" | "ssl" => Kind::PrivateKey,
        _ => Kind::ApiKey,
    }
}

/// Request headers that carry credentials and nothing else worth keeping.
pub(super) fn is_credential_header(name: &str) -> bool {
    if name.eq_ignore_ascii_case("idempotency-key") {
        return false;
    }
    let folded = name.to_ascii_lowercase();
    let named =
        folded.ends_with("-signature") || folded.ends_with("-signature-256") || folded.ends_with("-hmac-sha256");
    named
        || classify(name.as_bytes()).is_some_and(|key| match key.strength {
            Strength::Weak => folded.ends_with("key"),
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_noun_decides() {
        for name in "password PASSWORD user.password passWord PGPASSWORD MYSQL_PWD new_password_2 \
                     passwordConfirmation clientSecret client-secret apiKey API_KEY_PROD x-api-key accessToken \
                     refresh_token csrfmiddlewaretoken X-CSRF-Token authorization Proxy-Authorization Set-Cookie \
                     JSESSIONID connect.sid two_factor otp SECRET_KEY_BASE AccountKey private_key \
                     card_pin cvv cvv2 SAMLResponse senha \
                     contraseña nueva_contraseña CONTRASEÑA Kennwort mot_de_passe motDePasse новый_пароль Пароль2 用户密码 \
                     パスワード şifre hasło lösenord 비밀번호 palavra-passe \
                     aws_secret_access_key webhook_signing_secret X-Amz-Signature npm_authToken session_id"
            .split(' ')
        {
            assert!(classify(name.as_bytes()).is_some(), "{name}");
        }
        for name in "prompt_tokens total_tokens token_count max_tokens password_reset_completed author secretary \
                     key_id public_key primary_key token_url token_type secret_name keyboard monkey private_key_id \
                     api_version next_page_token authority keys_url password_policy passenger aws_access_key_id \
                     compass access_tokens_url publicKeyToken idempotency_key maxOutputTokens tokenizer \
                     пароль_изменён parole passenger_name passe_partout_url \
                     cookie_policy session_state signature_algorithm"
            .split(' ')
        {
            let weak = classify(name.as_bytes()).filter(|key| key.strength != Strength::Weak);
            assert_eq!(weak, None, "{name}");
        }
    }

    #[test]
    fn credential_headers_are_known() {
        for name in "Authorization proxy-authorization Cookie Set-Cookie X-Api-Key X-Auth-Token Stripe-Signature \
                     X-Hub-Signature-256 X-Shopify-Hmac-Sha256 X-Amz-Security-Token X-CSRF-Token apikey"
            .split(' ')
        {
            assert!(is_credential_header(name), "{name}");
        }
        for name in "content-type x-request-id idempotency-key traceparent user-agent etag x-tenant".split(' ') {
            assert!(!is_credential_header(name), "{name}");
        }
    }
}
