//! What a queue holds on average, where the past counts the less the longer ago it is: after each half-life half. Whole numbers and a
//! table, so that every processor comes to the same. It must not know queues.

use crate::amounts::Amounts;
use crate::time::{Span, Time};

/// How long until what a queue has used counts half, where its tree does not say.
pub const USAGE_HALF_LIFE: Span = Span::from_secs(7 * 24 * 3_600);

/// Averages are counted in parts of a unit: this many binary digits of it.
pub const PART_BITS: u32 = 24;
/// The binary digits of the table.
const TABLE_BITS: u32 = 48;
/// The steps of a half-life in the table.
const STEPS: u64 = 64;

/// `2^(48 - k/64)` for `k` of 0 to 64, rounded down.
#[rustfmt::skip]
const FADING: [u64; 65] = [
    281_474_976_710_656, 278_442_931_975_302, 275_443_548_385_834, 272_476_474_116_817, 269_541_361_132_678,
    266_637_865_146_879, 263_765_645_581_530, 260_924_365_527_444, 258_113_691_704_612, 255_333_294_423_115,
    252_582_847_544_451, 249_862_028_443_274, 247_170_517_969_556, 244_508_000_411_150, 241_874_163_456_754,
    239_268_698_159_279, 236_691_298_899_613, 234_141_663_350_765, 231_619_492_442_410, 229_124_490_325_803,
    226_656_364_339_076, 224_214_824_972_914, 221_799_585_836_591, 219_410_363_624_377, 217_046_878_082_310,
    214_708_851_975_319, 212_396_011_054_704, 210_108_084_025_971, 207_844_802_517_004, 205_605_901_046_590,
    203_391_116_993_275, 201_200_190_564_561, 199_032_864_766_430, 196_888_885_373_201, 194_768_000_897_708,
    192_669_962_561_802, 190_594_524_267_169, 188_541_442_566_462, 186_510_476_634_748, 184_501_388_241_253,
    182_513_941_721_425, 180_547_903_949_286, 178_603_044_310_089, 176_679_134_673_265, 174_775_949_365_665,
    172_893_265_145_087, 171_030_861_174_094, 169_188_518_994_103, 167_366_022_499_768, 165_563_157_913_624,
    163_779_713_761_015, 162_015_480_845_286, 160_270_252_223_249, 158_543_823_180_902, 156_835_991_209_421,
    155_146_555_981_403, 153_475_319_327_371, 151_822_085_212_526, 150_186_659_713_754, 148_568_850_996_877,
    146_968_469_294_152, 145_385_326_882_014, 143_819_238_059_051, 142_270_019_124_227, 140_737_488_355_328,
];

/// What a queue's jobs hold, and what they held on average. It changes only when a job gets its places or gives them back, and is read
/// at any later instant: so it can be stored, and two members of a cluster that saw the same jobs have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Usage {
    /// When it last changed.
    pub at: Time,
    /// What is held since then.
    pub holds: Amounts,
    /// What was held on average until then, in parts of 2^-24. One that has held 8 accelerators for ever has 8.
    pub average: Amounts,
}

impl Usage {
    /// What it counts at an instant, in parts of 2^-24. An instant before the last change reads as that.
    #[must_use]
    pub fn average_at(&self, now: Time, half_life: Span) -> Amounts {
        let left = Left::after(now.since(self.at), half_life);
        let before = self.average.map(|amount| left.of(amount));
        let since = self.holds.map(|amount| {
            let parts = in_parts(amount);
            parts - left.of(parts)
        });
        before.plus(&since)
    }

    /// A job got its places.
    pub fn take(&mut self, held: &Amounts, now: Time, half_life: Span) {
        self.pass(now, half_life);
        self.holds = self.holds.plus(held);
    }

    /// A job gave back what it held.
    pub fn give_back(&mut self, held: &Amounts, now: Time, half_life: Span) {
        self.pass(now, half_life);
        self.holds = self.holds.minus(held);
    }

    fn pass(&mut self, now: Time, half_life: Span) {
        self.average = self.average_at(now, half_life);
        self.at = self.at.max(now);
    }
}

/// An amount in parts of 2^-24.
#[must_use]
pub fn in_parts(amount: u64) -> u64 {
    amount.saturating_mul(1 << PART_BITS)
}

/// What is left of one after a while: a number below 2^48, and how many half-lives more.
#[derive(Debug, Clone, Copy)]
struct Left {
    part: u128,
    bits: u32,
}

impl Left {
    /// Between two entries of the table the line through them counts, which is never more than one part in fifty thousand too much.
    /// With a half-life of zero nothing is left.
    fn after(over: Span, half_life: Span) -> Self {
        let none = Self { part: 0, bits: 0 };
        let (Some(whole), Some(rest)) = (over.0.checked_div(half_life.0), over.0.checked_rem(half_life.0))
        else {
            return none;
        };
        let Some(bits) = u32::try_from(whole).ok().and_then(|whole| whole.checked_add(TABLE_BITS)) else {
            return none;
        };
        let (steps, half_life) = (u128::from(rest) * u128::from(STEPS), u128::from(half_life.0));
        let (entry, rest) = (steps / half_life, steps % half_life);
        let at = |entry: u128| {
            let left = usize::try_from(entry).ok().and_then(|entry| FADING.get(entry));
            left.copied().map_or(0, u128::from)
        };
        let (more, less) = (at(entry), at(entry + 1));
        Self { part: more - (more - less) * rest / half_life, bits }
    }

    fn of(self, amount: u64) -> u64 {
        if amount == 0 {
            return 0;
        }
        let all = u128::from(amount) * self.part;
        u64::try_from(all.checked_shr(self.bits).unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amounts::Resource;
    use crate::device::DeviceClass;

    const GPU: Resource = Resource::Devices(DeviceClass::Nvidia);
    const DAY: Span = Span::from_secs(86_400);

    fn gpus(count: u64) -> Amounts {
        let mut all = Amounts::default();
        all.add(GPU, count);
        all
    }

    /// In thousandths of an accelerator.
    fn average(usage: &Usage, days: u64, half_life: Span) -> u64 {
        (usage.average_at(Time(0) + Span(DAY.0 * days), half_life).get(GPU) * 1_000) >> PART_BITS
    }

    #[test]
    fn after_each_half_life_the_past_counts_half() {
        let mut usage = Usage::default();
        usage.take(&gpus(8), Time(0), DAY);
        assert_eq!([0, 1, 2, 3, 60].map(|day| average(&usage, day, DAY)), [0, 4_000, 6_000, 7_000, 8_000]);
        usage.give_back(&gpus(8), Time(0) + DAY, DAY);
        assert_eq!([1, 2, 3, 4, 60].map(|day| average(&usage, day, DAY)), [4_000, 2_000, 1_000, 500, 0]);
        assert_eq!(average(&usage, 9, Span(0)), 0, "with no half-life nothing is remembered");
        assert_eq!(average(&usage, 0, DAY), 4_000, "before the last change it is as then");
    }

    #[test]
    fn it_is_the_same_however_often_it_is_looked_at_and_changed() {
        let mut usage = Usage::default();
        usage.take(&gpus(5), Time(0), DAY);
        let plain = usage;
        for minute in 1..10_000 {
            let now = Time(minute * 60_000);
            usage.take(&gpus(3), now, DAY);
            usage.give_back(&gpus(3), now, DAY);
        }
        let (often, once) = (average(&usage, 7, DAY), average(&plain, 7, DAY));
        assert!(often.abs_diff(once) <= 1, "{often} and {once}");
    }

    #[test]
    fn each_entry_of_the_table_stands_to_the_next_as_that_to_the_one_after() {
        assert_eq!((FADING[0], FADING[64]), (1 << 48, 1 << 47));
        for three in FADING.windows(3) {
            let [first, second, third] = [0, 1, 2].map(|at| u128::from(three[at]));
            assert!((second * second).abs_diff(first * third) <= 2 * first, "{three:?}");
        }
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let mut usage = Usage::default();
        usage.take(&gpus(u64::MAX), Time(1), DAY);
        usage.take(&gpus(u64::MAX), Time(u64::MAX), DAY);
        assert_eq!(usage.average_at(Time(u64::MAX), DAY).get(GPU), u64::MAX);
    }
}
