//! Addresses of a subnet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    first: u128,
    bits: u32,
    width: u32,
}

impl Cidr {
    /// Reads `10.0.0.0/24` or the like.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (value, width) = number(address.parse().ok()?);
        let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= width)?;
        let bits = width - prefix;
        let first = match bits {
            128 => 0,
            _ => (value >> bits) << bits,
        };
        Some(Self { first, bits, width })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (value, width) = number(address);
        width == self.width && (self.bits == 128 || value >> self.bits == self.first >> self.bits)
    }

    /// The addresses that may be given out: the first is the router's.
    pub(crate) fn usable(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let (first, width) = (self.first, self.width);
        let last = match self.bits {
            0..=1 => 0,
            // Nobody puts more than 65536 ports on a mock network.
            bits => (1_u128 << bits.min(16)) - 2,
        };
        (2..=last).map(move |offset| address(first + offset, width))
    }
}

fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn address(value: u128, width: u32) -> IpAddr {
    match u32::try_from(value) {
        Ok(v4) if width == 32 => Ipv4Addr::from_bits(v4).into(),
        _ => Ipv6Addr::from_bits(value).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_knows_its_addresses() {
        let range = Cidr::parse("10.0.7.0/24").unwrap();
        assert!(range.contains("10.0.7.255".parse().unwrap()));
        assert!(!range.contains("10.0.8.0".parse().unwrap()));
        assert!(!range.contains("::1".parse().unwrap()));
        let usable: Vec<_> = range.usable().collect();
        assert_eq!(usable.first().unwrap().to_string(), "10.0.7.2");
        assert_eq!(usable.last().unwrap().to_string(), "10.0.7.254");
        let six = Cidr::parse("fd00::/64").unwrap();
        assert_eq!(six.usable().next().unwrap().to_string(), "fd00::2");
        for bad in ["10.0.0.0", "10.0.0.0/33", "x/8"] {
            assert!(Cidr::parse(bad).is_none(), "{bad}");
        }
    }
}
