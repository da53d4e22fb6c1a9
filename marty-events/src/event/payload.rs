//! The payloads as they stand in the envelope: every field in its order, an absent one as `null`.

use super::{
    audit::AuditPayload,
    domain::DomainPayload,
    json::{push_fields, push_json, push_list, push_number, push_optional, push_text, push_word},
    notification::NotificationPayload,
};

impl AuditPayload {
    pub(super) fn push(&self, json: &mut String) {
        push_fields! {
            json, "{",
            "event_type": push_text(self.event_type.as_str()),
            "action": push_text(&self.action),
            "resource_type": push_text(&self.resource_type),
            "resource_id": push_optional(self.resource_id.as_deref()),
            "operation_details": push_json(self.operation_details.text()),
            "previous_state": push_json(self.previous_state.as_ref().map_or("null", |state| state.text())),
            "new_state": push_json(self.new_state.as_ref().map_or("null", |state| state.text())),
            "security_context": push_json(self.security_context.text()),
            "success": push_json(if self.success { "true" } else { "false" }),
            "outcome": push_word(self.outcome.as_str()),
            "error_message": push_optional(self.error_message.as_deref()),
            "error_code": push_optional(self.error_code.as_deref()),
            "compliance_tags": push_list(&self.compliance_tags),
            "risk_level": push_word(self.risk_level.as_str()),
        }
        json.push('}');
    }

    /// The length of the data, which is the most of a long event.
    pub(super) fn data_length(&self) -> usize {
        let states = [&self.previous_state, &self.new_state].into_iter().flatten();
        let data = states.chain([&self.operation_details, &self.security_context]);
        data.map(|data| data.text().len()).sum()
    }
}

impl DomainPayload {
    pub(super) fn push(&self, json: &mut String) {
        push_fields! {
            json, "{",
            "aggregate_type": push_text(self.aggregate.aggregate_type()),
            "aggregate_id": push_text(self.aggregate.id()),
            "event_type": push_text(&self.event_type),
            "event_version": push_number(self.event_version),
            "event_data": push_json(self.event_data.text()),
            "business_context": push_json(self.business_context.text()),
            "schema_version": push_text(&self.schema_version),
            "schema_url": push_optional(self.schema_url.as_deref()),
        }
        json.push('}');
    }

    pub(super) fn data_length(&self) -> usize {
        self.event_data.text().len() + self.business_context.text().len()
    }
}

impl NotificationPayload {
    pub(super) fn push(&self, json: &mut String) {
        push_fields! {
            json, "{",
            "event_type": push_text(self.event_type.as_str()),
            "recipient_type": push_text(&self.recipient_type),
            "recipient_ids": push_list(&self.recipient_ids),
            "subject": push_text(&self.subject),
            "message": push_text(&self.message),
            "message_template": push_optional(self.message_template.as_deref()),
            "template_variables": push_json(self.template_variables.text()),
            "channels": push_list(&self.channels),
            "delivery_time": push_optional(self.delivery_time.as_deref()),
            "expiry_time": push_optional(self.expiry_time.as_deref()),
            "action_url": push_optional(self.action_url.as_deref()),
            "action_label": push_optional(self.action_label.as_deref()),
            "attachments": push_list(&self.attachments),
        }
        json.push('}');
    }

    pub(super) fn data_length(&self) -> usize {
        self.template_variables.text().len() + self.message.len()
    }
}
