//! The variants of a gang as the wire has them. It must not know which of them there is room for.

use crate::v1;

impl v1::TaskGroup {
    /// What each task needs in one variant of the gang; a group that has none needs the same in all.
    #[must_use]
    pub fn resources_in(&self, variant: u32) -> v1::Resources {
        let other = variant.checked_sub(1).and_then(|other| usize::try_from(other).ok());
        let other = other.and_then(|other| self.variants.get(other));
        other.or(self.resources.as_ref()).cloned().unwrap_or_default()
    }
}
