//! Which notifications there are, and which of them are logged.
//!
//! All that Recurly documents is known, so that a new type is noticed: it is kept as a dead letter until somebody decides.

use system_log_plugin::Event;

/// What becomes an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PaymentSucceeded,
    PaymentFailed,
    SubscriptionCreated,
    SubscriptionUpdated,
    SubscriptionExpired,
}

/// What a notification is to this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Logged(Kind),
    /// A transaction's status changed afterwards; logged when the operator wants it.
    StatusUpdated,
    NotLogged,
    Unknown,
}

impl Kind {
    /// An event of this kind, and nothing else yet.
    pub(crate) fn event(self) -> Event {
        let (name, severity) = match self {
            Self::PaymentSucceeded => ("billing_payment_succeeded", "info"),
            Self::PaymentFailed => ("billing_payment_failed", "error"),
            Self::SubscriptionCreated => ("billing_subscription_created", "info"),
            Self::SubscriptionUpdated => ("billing_subscription_updated", "info"),
            Self::SubscriptionExpired => ("billing_subscription_expired", "warning"),
        };
        let mut event = Event::new("system", name);
        event.severity = severity;
        event
    }

    pub(crate) const fn is_payment(self) -> bool {
        matches!(self, Self::PaymentSucceeded | Self::PaymentFailed)
    }

    /// What a transaction's later status means; nothing for one that is still open or was undone.
    pub(crate) fn of_status(status: &str) -> Option<Self> {
        match status.to_ascii_lowercase().as_str() {
            "success" => Some(Self::PaymentSucceeded),
            "declined" => Some(Self::PaymentFailed),
            _ => None,
        }
    }
}

/// By the root of an XML notification.
pub(crate) fn xml(root: &str) -> Type {
    match root {
        "successful_payment_notification" => Type::Logged(Kind::PaymentSucceeded),
        "failed_payment_notification" => Type::Logged(Kind::PaymentFailed),
        "new_subscription_notification" => Type::Logged(Kind::SubscriptionCreated),
        "updated_subscription_notification" => Type::Logged(Kind::SubscriptionUpdated),
        "expired_subscription_notification" => Type::Logged(Kind::SubscriptionExpired),
        "transaction_status_updated_notification" => Type::StatusUpdated,
        known if XML_NOT_LOGGED.contains(&known) => Type::NotLogged,
        _ => Type::Unknown,
    }
}

/// By the pair `object_type/event_type` of a JSON notification.
pub(crate) fn json(pair: &str) -> Type {
    match pair {
        "payment/succeeded" => Type::Logged(Kind::PaymentSucceeded),
        "payment/failed" => Type::Logged(Kind::PaymentFailed),
        "subscription/created" => Type::Logged(Kind::SubscriptionCreated),
        "subscription/updated" => Type::Logged(Kind::SubscriptionUpdated),
        "subscription/expired" => Type::Logged(Kind::SubscriptionExpired),
        "payment/transaction_status_updated" => Type::StatusUpdated,
        known if JSON_NOT_LOGGED.contains(&known) => Type::NotLogged,
        _ => Type::Unknown,
    }
}

const XML_NOT_LOGGED: [&str; 46] = [
    "billing_info_update_failed_notification",
    "billing_info_updated_notification",
    "canceled_account_notification",
    "canceled_gift_card_notification",
    "canceled_subscription_notification",
    "closed_invoice_notification",
    "deactivated_item_notification",
    "deleted_shipping_address_notification",
    "fraud_info_updated_notification",
    "low_balance_gift_card_notification",
    "new_account_notification",
    "new_charge_invoice_notification",
    "new_credit_invoice_notification",
    "new_credit_payment_notification",
    "new_dunning_event_notification",
    "new_invoice_notification",
    "new_item_notification",
    "new_shipping_address_notification",
    "new_usage_notification",
    "past_due_invoice_notification",
    "paused_subscription_renewal_notification",
    "pending_invoice_notification",
    "prerenewal_notification",
    "processing_invoice_notification",
    "processing_payment_notification",
    "purchased_gift_card_notification",
    "reactivated_account_notification",
    "reactivated_item_notification",
    "redeemed_gift_card_notification",
    "regenerated_gift_card_notification",
    "renewed_subscription_notification",
    "scheduled_payment_notification",
    "scheduled_subscription_pause_notification",
    "scheduled_subscription_update_notification",
    "subscription_pause_canceled_notification",
    "subscription_pause_modified_notification",
    "subscription_paused_notification",
    "subscription_resumed_notification",
    "successful_refund_notification",
    "transaction_authorized_notification",
    "updated_account_notification",
    "updated_balance_gift_card_notification",
    "updated_gift_card_notification",
    "updated_item_notification",
    "updated_shipping_address_notification",
    "void_payment_notification",
];

const JSON_NOT_LOGGED: [&str; 78] = [
    "account/closed",
    "account/created",
    "account/updated",
    "billing_info/updated",
    "charge_invoice/created",
    "credit_invoice/created",
    "credit_payment/created",
    "dunning_event/created",
    "external_subscription/canceled",
    "external_subscription/consumption_requested",
    "external_subscription/created",
    "external_subscription/downgrade_canceled",
    "external_subscription/downgraded",
    "external_subscription/expired",
    "external_subscription/extended_renewal",
    "external_subscription/failed_renewal",
    "external_subscription/failed_renewal_with_grace_period",
    "external_subscription/pause_schedule_changed",
    "external_subscription/paused",
    "external_subscription/plan_changed",
    "external_subscription/price_change_confirmed",
    "external_subscription/reactivated",
    "external_subscription/recovered",
    "external_subscription/refund_declined",
    "external_subscription/refund_reversed",
    "external_subscription/refunded",
    "external_subscription/renewed",
    "external_subscription/resubscribed",
    "external_subscription/revoked",
    "external_subscription/upgraded",
    "external_subscription/voided",
    "gift_card/balance_updated",
    "gift_card/canceled",
    "gift_card/purchased",
    "gift_card/redeemed",
    "gift_card/regenerated",
    "gift_card/updated",
    "incorrect_account_notice/resubscribed_incorrect_account",
    "invoice/closed",
    "invoice/created",
    "invoice/past_due",
    "invoice/pending",
    "invoice/processing",
    "item/created",
    "item/deactivated",
    "item/reactivated",
    "item/updated",
    "payment/authorized",
    "payment/processing",
    "payment/refunded",
    "payment/scheduled",
    "payment/voided",
    "shipping_address/created",
    "shipping_address/deleted",
    "shipping_address/updated",
    "subscription/canceled",
    "subscription/low_balance",
    "subscription/pause.canceled",
    "subscription/pause.modified",
    "subscription/pause.scheduled",
    "subscription/paused",
    "subscription/pending_change.scheduled",
    "subscription/reactivated",
    "subscription/renewal.annual_subscription_reminder",
    "subscription/renewal.bacs_subscription_will_renew",
    "subscription/renewal.bill_date_reminder",
    "subscription/renewal.cc_will_expire",
    "subscription/renewal.mastercard_subscription_will_renew",
    "subscription/renewal.ramp_price_will_change",
    "subscription/renewal.scheduled",
    "subscription/renewal.sepa_subscription_will_renew",
    "subscription/renewal.six_month_subscription_reminder",
    "subscription/renewal.skipped",
    "subscription/renewal.subscription_trial_expiring",
    "subscription/renewal.term_renewal_reminder",
    "subscription/renewed",
    "subscription/resumed",
    "usage/created",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_logged_or_not_and_never_both() {
        for root in XML_NOT_LOGGED {
            assert_eq!(xml(root), Type::NotLogged, "{root}");
        }
        for pair in JSON_NOT_LOGGED {
            assert_eq!(json(pair), Type::NotLogged, "{pair}");
        }
        for unknown in ["", "/", "payment/", "/failed", "Payment/Failed", "payment/failed ", "subscription/deleted"] {
            assert_eq!(json(unknown), Type::Unknown, "{unknown}");
        }
        assert_eq!(xml("unknown_notification"), Type::Unknown);
        assert_eq!(xml("payment/failed"), Type::Unknown, "each format has its own names");
    }
}
