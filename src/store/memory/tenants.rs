//! The tenants of one shard. Most hosts have one, and it is found without hashing its name.

use std::collections::HashMap;

use super::shard::TenantShard;
use crate::id::TenantId;

#[derive(Default)]
pub(super) struct Tenants {
    /// Whoever came while there was no first one.
    first: Option<(TenantId, TenantShard)>,
    others: HashMap<TenantId, TenantShard>,
}

impl Tenants {
    pub(super) fn get(&self, tenant: &TenantId) -> Option<&TenantShard> {
        match &self.first {
            Some((first, shard)) if first == tenant => Some(shard),
            _ => self.others.get(tenant),
        }
    }

    pub(super) fn get_mut(&mut self, tenant: &TenantId) -> Option<&mut TenantShard> {
        match &mut self.first {
            Some((first, shard)) if first == tenant => Some(shard),
            _ => self.others.get_mut(tenant),
        }
    }

    pub(super) fn get_or_insert(&mut self, tenant: &TenantId) -> &mut TenantShard {
        if self.others.contains_key(tenant) || self.first.as_ref().is_some_and(|(first, _)| first != tenant) {
            return self.others.entry(tenant.clone()).or_default();
        }
        &mut self.first.get_or_insert_with(|| (tenant.clone(), TenantShard::default())).1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TenantId, &TenantShard)> {
        self.first.iter().map(|(tenant, shard)| (tenant, shard)).chain(&self.others)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut TenantShard) -> bool) {
        self.first.take_if(|(_, shard)| !keep(shard));
        self.others.retain(|_, shard| keep(shard));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_found_whether_it_came_first_or_not_and_after_the_first_is_gone() {
        let names = ["a", "b", "c"].map(|name| TenantId::new(name).unwrap());
        let mut tenants = Tenants::default();
        for name in &names {
            tenants.get_or_insert(name);
        }
        assert!(names.iter().all(|name| tenants.get(name).is_some() && tenants.get_mut(name).is_some()));
        let mut seen = 0;
        tenants.retain(|_| {
            seen += 1;
            seen != 1
        });
        assert!(tenants.get(&names[0]).is_none());
        tenants.get_or_insert(&names[1]);
        assert_eq!((seen, tenants.iter().count()), (3, 2), "and no tenant is there twice");
    }
}
