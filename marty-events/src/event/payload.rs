//! The payloads as they stand in the envelope: every field in its order, an absent one as `null`.

use super::{
    audit::AuditPayload,
    domain::DomainPayload,
    json::{push_list, push_number, push_optional, push_text, push_word},
    notification::NotificationPayload,
};

impl AuditPayload {
    pub(super) fn push(&self, json: &mut String) {
        json.push_str(r#"{"event_type":"#);
        push_text(json, self.event_type.as_str());
        json.push_str(r#","action":"#);
        push_text(json, &self.action);
        json.push_str(r#","resource_type":"#);
        push_text(json, &self.resource_type);
        json.push_str(r#","resource_id":"#);
        push_optional(json, self.resource_id.as_deref());
        json.push_str(r#","operation_details":"#);
        json.push_str(self.operation_details.text());
        json.push_str(r#","previous_state":"#);
        json.push_str(self.previous_state.as_ref().map_or("null", |state| state.text()));
        json.push_str(r#","new_state":"#);
        json.push_str(self.new_state.as_ref().map_or("null", |state| state.text()));
        json.push_str(r#","security_context":"#);
        json.push_str(self.security_context.text());
        json.push_str(r#","success":"#);
        json.push_str(if self.success { "true" } else { "false" });
        json.push_str(r#","outcome":"#);
        push_word(json, self.outcome.as_str());
        json.push_str(r#","error_message":"#);
        push_optional(json, self.error_message.as_deref());
        json.push_str(r#","error_code":"#);
        push_optional(json, self.error_code.as_deref());
        json.push_str(r#","compliance_tags":"#);
        push_list(json, &self.compliance_tags);
        json.push_str(r#","risk_level":"#);
        push_word(json, self.risk_level.as_str());
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
        json.push_str(r#"{"aggregate_type":"#);
        push_text(json, self.aggregate.aggregate_type());
        json.push_str(r#","aggregate_id":"#);
        push_text(json, self.aggregate.id());
        json.push_str(r#","event_type":"#);
        push_text(json, &self.event_type);
        json.push_str(r#","event_version":"#);
        push_number(json, self.event_version);
        json.push_str(r#","event_data":"#);
        json.push_str(self.event_data.text());
        json.push_str(r#","business_context":"#);
        json.push_str(self.business_context.text());
        json.push_str(r#","schema_version":"#);
        push_text(json, &self.schema_version);
        json.push_str(r#","schema_url":"#);
        push_optional(json, self.schema_url.as_deref());
        json.push('}');
    }

    pub(super) fn data_length(&self) -> usize {
        self.event_data.text().len() + self.business_context.text().len()
    }
}

impl NotificationPayload {
    pub(super) fn push(&self, json: &mut String) {
        json.push_str(r#"{"event_type":"#);
        push_text(json, self.event_type.as_str());
        json.push_str(r#","recipient_type":"#);
        push_text(json, &self.recipient_type);
        json.push_str(r#","recipient_ids":"#);
        push_list(json, &self.recipient_ids);
        json.push_str(r#","subject":"#);
        push_text(json, &self.subject);
        json.push_str(r#","message":"#);
        push_text(json, &self.message);
        json.push_str(r#","message_template":"#);
        push_optional(json, self.message_template.as_deref());
        json.push_str(r#","template_variables":"#);
        json.push_str(self.template_variables.text());
        json.push_str(r#","channels":"#);
        push_list(json, &self.channels);
        json.push_str(r#","delivery_time":"#);
        push_optional(json, self.delivery_time.as_deref());
        json.push_str(r#","expiry_time":"#);
        push_optional(json, self.expiry_time.as_deref());
        json.push_str(r#","action_url":"#);
        push_optional(json, self.action_url.as_deref());
        json.push_str(r#","action_label":"#);
        push_optional(json, self.action_label.as_deref());
        json.push_str(r#","attachments":"#);
        push_list(json, &self.attachments);
        json.push('}');
    }

    pub(super) fn data_length(&self) -> usize {
        self.template_variables.text().len() + self.message.len()
    }
}
