//! Which WTP goes when: canaries that stand for every model and site, then iterations that take of every site alike.

use std::collections::BTreeMap;

use capledger_schema::event::CampaignPlan;
use capledger_schema::id::WtpId;
use capledger_schema::project::fleet::Wtp;

/// Every WTP with its iteration: 0 for the canaries, then from 1. The same WTPs are always spread alike.
pub(super) fn spread<'a>(wtps: impl IntoIterator<Item = &'a Wtp>, plan: &CampaignPlan) -> Vec<(WtpId, u32)> {
    let mut rest: Vec<&Wtp> = wtps.into_iter().collect();
    let mut chosen = Vec::with_capacity(rest.len());
    for canary in take_canaries(&mut rest, plan.canaries) {
        chosen.push((canary.address.id.clone(), 0));
    }
    let size = (rest.len() * usize::from(plan.percent)).div_ceil(100).max(1);
    for (n, wtp) in sites_alike(&rest).into_iter().enumerate() {
        let iteration = u32::try_from(n / size + 1).unwrap_or(u32::MAX);
        chosen.push((wtp.address.id.clone(), iteration));
    }
    chosen
}

/// Takes out so many: each of the model that has been taken least, then of the site that has.
fn take_canaries<'a>(rest: &mut Vec<&'a Wtp>, canaries: u32) -> Vec<&'a Wtp> {
    let (mut models, mut sites) = (BTreeMap::new(), BTreeMap::new());
    let mut taken = Vec::new();
    while taken.len() < canaries as usize && !rest.is_empty() {
        let rank = |w: &&Wtp| {
            let model: usize = models.get(w.inventory.model.as_str()).copied().unwrap_or(0);
            let site: usize = sites.get(w.inventory.location.as_str()).copied().unwrap_or(0);
            (model, site)
        };
        let Some(place) = (0..rest.len()).min_by_key(|n| (rank(&rest[*n]), *n)) else { break };
        let wtp = rest.remove(place);
        *models.entry(wtp.inventory.model.as_str()).or_default() += 1;
        *sites.entry(wtp.inventory.location.as_str()).or_default() += 1;
        taken.push(wtp);
    }
    taken
}

/// In such an order that every beginning of it holds nearly the same share of every site, and of every model there.
fn sites_alike<'a>(wtps: &[&'a Wtp]) -> Vec<&'a Wtp> {
    let sites = apart(wtps, |w| &w.inventory.location);
    let sites = sites.into_iter().enumerate().map(|(n, site)| {
        let mut models = apart(&site, |w| &w.inventory.model);
        // Another model comes first at every site: where only a few of a site go, they are not all of the same.
        let first = n % models.len().max(1);
        models.rotate_left(first);
        alternate(models)
    });
    alternate(sites.collect())
}

/// Divides WTPs by what they are called.
fn apart<'a>(wtps: &[&'a Wtp], name: fn(&Wtp) -> &String) -> Vec<Vec<&'a Wtp>> {
    let mut groups: BTreeMap<&str, Vec<&'a Wtp>> = BTreeMap::new();
    for wtp in wtps {
        groups.entry(name(wtp)).or_default().push(wtp);
    }
    groups.into_values().collect()
}

/// Puts groups together so that every beginning holds nearly the same share of each; their own order stays.
fn alternate(groups: Vec<Vec<&Wtp>>) -> Vec<&Wtp> {
    let mut placed = Vec::new();
    for (at, group) in groups.into_iter().enumerate() {
        let of = group.len() as u64;
        for (n, wtp) in (0u64..).zip(group) {
            // The middle of its slice of the group, in 2^32 parts of the whole.
            placed.push((((2 * n + 1) << 31) / of, at, wtp));
        }
    }
    placed.sort_by_key(|(share, at, _)| (*share, *at));
    placed.into_iter().map(|(_, _, wtp)| wtp).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use capledger_schema::event::OnError;
    use capledger_schema::project::fleet::Fleet;

    use super::*;
    use crate::story::{Story, ap};

    fn fleet(wtps: usize, sites: usize) -> Fleet {
        let mut story = Story::begin("2024-02-01T17:05:37Z");
        for n in 0..wtps {
            let address = ap(&format!("AP-{n}"), &format!("2c5a.0f00.{n:04x}"), "10.0.0.1:5248");
            let model = ["C9105AXI", "C9120AXI", "C9130AXI"][n % 3];
            story.joined(&address, model, "17.9.4.27", None, None);
        }
        let mut fleet = story.state.fleet;
        for (n, wtp) in fleet.wtps.values_mut().enumerate() {
            wtp.inventory.location = format!("site {}", n % sites);
        }
        fleet
    }

    fn plan(canaries: u32, percent: u8) -> CampaignPlan {
        CampaignPlan { canaries, percent, site: None, on_error: OnError::Stop, error_threshold: 10 }
    }

    fn sizes(chosen: &[(WtpId, u32)]) -> BTreeMap<u32, usize> {
        let mut sizes = BTreeMap::new();
        for (_, iteration) in chosen {
            *sizes.entry(*iteration).or_default() += 1;
        }
        sizes
    }

    #[test]
    fn every_wtp_is_in_one_iteration_and_iterations_are_of_the_size_that_was_asked_for() {
        let fleet = fleet(100, 4);
        let chosen = spread(fleet.wtps.values(), &plan(4, 25));
        assert_eq!(chosen.iter().map(|(id, _)| id).collect::<BTreeSet<_>>().len(), 100);
        assert_eq!(sizes(&chosen), BTreeMap::from([(0, 4), (1, 24), (2, 24), (3, 24), (4, 24)]));
        assert_eq!(sizes(&spread(fleet.wtps.values(), &plan(0, 100))), BTreeMap::from([(1, 100)]));
    }

    #[test]
    fn canaries_stand_for_every_model_and_for_as_many_sites_as_there_are_canaries() {
        let fleet = fleet(120, 5);
        let chosen = spread(fleet.wtps.values(), &plan(5, 15));
        let canaries: Vec<_> = chosen.iter().filter(|(_, n)| *n == 0).map(|(id, _)| &fleet.wtps[id]).collect();
        let models: BTreeSet<_> = canaries.iter().map(|w| &w.inventory.model).collect();
        let sites: BTreeSet<_> = canaries.iter().map(|w| &w.inventory.location).collect();
        assert_eq!((models.len(), sites.len()), (3, 5));
    }

    #[test]
    fn an_iteration_takes_of_every_site_and_model_alike() {
        let fleet = fleet(200, 8);
        for iteration in 1..=5 {
            let mut sites: BTreeMap<&str, usize> = BTreeMap::new();
            let mut models: BTreeMap<&str, usize> = BTreeMap::new();
            for (id, _) in spread(fleet.wtps.values(), &plan(0, 20)).iter().filter(|(_, n)| *n == iteration) {
                let inventory = &fleet.wtps[id].inventory;
                *sites.entry(&inventory.location).or_default() += 1;
                *models.entry(&inventory.model).or_default() += 1;
            }
            assert!(models.values().all(|n| (8..=20).contains(n)), "{iteration}: {models:?}");
            assert!(sites.len() == 8 && sites.values().all(|n| *n == 5), "{iteration}: {sites:?}");
        }
    }

    #[test]
    fn more_canaries_than_wtps_are_all_of_them() {
        let fleet = fleet(3, 1);
        assert_eq!(sizes(&spread(fleet.wtps.values(), &plan(9, 15))), BTreeMap::from([(0, 3)]));
    }
}
