package egress

import (
	"net/netip"
	"slices"
)

// special are the blocks inside IPv4 and 2000::/3 that are not the public
// internet (IANA special-purpose address registries, RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), // link-local, metadata services of clouds
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), // documentation
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),   // protocol assignments, Teredo
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("3fff::/20"), // documentation
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	translated    = netip.MustParsePrefix("64:ff9b::/96") // NAT64: an IPv4 address in the last four bytes
	sixToFour     = netip.MustParsePrefix("2002::/16")    // 6to4: an IPv4 address after the first two
)

// Public reports whether addr is on the public internet. An IPv6 address that
// embeds an IPv4 address is as public as that one.
func Public(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.Is6() {
		raw := addr.As16()
		switch {
		case translated.Contains(addr):
			return Public(netip.AddrFrom4([4]byte(raw[12:])))
		case sixToFour.Contains(addr):
			return Public(netip.AddrFrom4([4]byte(raw[2:6])))
		case !globalUnicast.Contains(addr):
			return false
		}
	}
	return addr.IsValid() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}
