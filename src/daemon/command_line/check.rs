//! Stays with a preflight check until it has ended, and with the campaign that it is for until that has begun or not.

use capledger_schema::event::CampaignPhase;
use capledger_schema::id::Seq;
use capledger_schema::{Cause, Event};

use super::{LOOK, Operator};
use crate::ac::Accepted;
use crate::ios::upgrade;
use crate::net::feed::Output;

impl Operator {
    /// Prints what the check finds; an error if an upgrade cannot begin, or if the operator leaves.
    pub(super) fn watch_check(&self, before: Seq, accepted: &Accepted, out: &mut dyn Output) -> Result<String, String> {
        // Whoever is gone is noticed below.
        let _ = out.write(&upgrade::check_started(self.clock.now().wall, &self.time));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|e| format!("% cannot follow the operation: {e}\n"))?;
        let mut follower = self.hub.follow(before);
        let (mut text, mut campaign) = (String::new(), None);
        loop {
            if out.is_gone() {
                return Err(String::new());
            }
            let next = runtime.block_on(async { tokio::time::timeout(LOOK, follower.next()).await });
            let Ok(batch) = next else { continue };
            let batch = batch.map_err(|e| format!("% cannot follow the operation: {e}\n"))?;
            for envelope in &batch {
                if let (Event::PreflightStarted { operation, .. }, Cause::Campaign(of)) =
                    (&envelope.event, &envelope.cause)
                    && accepted.operations.contains(operation)
                {
                    campaign = Some(*of);
                } else if let Event::PreflightCompleted { operation, findings } = &envelope.event
                    && accepted.operations.contains(operation)
                {
                    text = upgrade::check_completed(findings, envelope.at, &self.time);
                    if campaign.is_none() {
                        let failed = findings.iter().any(|f| f.verdict == capledger_schema::event::Verdict::Failed);
                        return if failed { Err(text) } else { Ok(text) };
                    }
                } else if let Event::CampaignPhaseChanged { campaign: of, phase, .. } = &envelope.event
                    && (Some(*of), *phase) == (campaign, CampaignPhase::Fetch)
                {
                    let state = self.hub.state();
                    if let Some(c) = state.campaigns.latest.as_ref().filter(|c| c.id == *of) {
                        text.push_str(&upgrade::campaign_goes_on(*of, c.version, c.members.len()));
                    }
                    return Ok(text);
                } else if let Event::CampaignEnded { campaign: of, words, .. } = &envelope.event
                    && Some(*of) == campaign
                {
                    text.push_str(&upgrade::campaign_ended(*of, words));
                    return Err(text);
                }
            }
        }
    }
}
