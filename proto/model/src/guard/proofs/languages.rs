//! Passwords and cards by what their fields are called, in whatever language.

use super::Guard;

// proves: S1
#[test]
fn passwords_go_by_their_names_in_other_languages() {
    let guard = Guard::new();
    for name in [
        "contraseña",
        "contrasen\u{303}a",
        "Contraseña",
        "contrasena",
        "Passwort",
        "Kennwort",
        "mot de passe",
        "mot_de_passe",
        "senha",
        "palavra-passe",
        "wachtwoord",
        "пароль",
        "Пароль",
        "ПАРОЛЬ",
        "密码",
        "密碼",
        "パスワード",
        "비밀번호",
        "şifre",
        "hasło",
        "heslo",
        "lösenord",
        "passord",
        "salasana",
        "adgangskode",
        "jelszó",
        "parola",
        "mật khẩu",
        "סיסמה",
        "كلمة المرور",
        "पासवर्ड",
        "รหัสผ่าน",
    ] {
        for secret in ["hunter2abc", "Winter2024!!", "x7"] {
            let json = serde_json::json!({ "a": { (name): secret } }).to_string();
            let clean = String::from_utf8(guard.payload(json.as_bytes(), "application/json")).unwrap();
            assert!(!clean.contains(secret) && clean.contains("[redacted:password]"), "{json} -> {clean}");
        }
        for text in [
            "login: {}: hunter2abc",
            "{}=hunter2abc",
            "{}: hunter2abc",
            "x=1&{}=hunter2abc&y=2",
            "{\"{}\":\"hunter2abc\"}",
        ] {
            let text = text.replace("{}", name);
            let clean = guard.text(&text).into_owned();
            assert!(!clean.contains("hunter2"), "{text} -> {clean}");
            assert_eq!(guard.text(&clean), clean, "idempotent: {text}");
        }
    }
    for kept in [
        "Пароль: неверный",
        "пароль изменён",
        "пароль: обязателен",
        "contraseña: incorrecta",
        "mot de passe: requis",
        "密码: 错误",
        "Kennwort: falsch",
        "la contraseña ha caducado",
        "il passe: demain",
        "パスワードが違います",
    ] {
        assert_eq!(guard.text(kept), kept);
    }
}

// proves: S1
#[test]
fn numbers_of_cards_go_by_the_names_of_their_fields() {
    let guard = Guard::new();
    let clean = |json: &str| {
        let mut event = serde_json::from_str::<serde_json::Value>(json).unwrap();
        guard.walk(&mut event, None, 0);
        event.to_string()
    };
    // numbers that issuers made for tests
    for value in ["4111111111111111", "\"4111111111111111\"", "\"5555-5555-5555-4444\"", "378282246310005"] {
        for name in ["card_number", "cardNumber", "card", "cc", "pan", "creditCard", "Kreditkartennummer"] {
            let json = format!("{{\"{name}\":{value}}}");
            assert_eq!(clean(&json), format!("{{\"{name}\":\"[redacted:secret]\"}}"));
            let payload = guard.payload(json.as_bytes(), "application/json");
            assert_eq!(String::from_utf8(payload).unwrap(), clean(&json));
        }
        assert_eq!(
            clean(&format!("{{\"card\":{{\"number\":{value}}}}}")),
            r#"{"card":{"number":"[redacted:secret]"}}"#
        );
    }
    for kept in [
        r#"{"card":4111111111111112}"#,
        r#"{"card":{"exp_month":12,"last4":"1111"}}"#,
        r#"{"id":4111111111111111}"#,
        r#"{"card_id":4111111111111111}"#,
        r#"{"card_token_count":12,"cards":3}"#,
    ] {
        assert_eq!(clean(kept), kept);
    }
}
