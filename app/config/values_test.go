package config_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/app/config"
)

func TestSizesAreReadInPowersOf1024(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.ByteSize{
		"1": 1, "512": 512, "512b": 512, "1kb": 1 << 10, "1 KB": 1 << 10, "1.5mb": 3 << 19, "100mb": 100 << 20, " 2GB ": 2 << 30,
	} {
		var got config.ByteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "mb", "-1", "0", "0.4b", "1tb", "nan", "inf", "1e30gb", "1 2", "1mb2"} {
		var got config.ByteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was accepted as %d", text, got)
		}
	}
}

func trust(t testing.TB, text string) config.TrustProxy {
	t.Helper()
	var p config.TrustProxy
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheClientIsTheFirstAddressNoTrustedProxyVouchesFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, setting, peer string
		forwarded           []string
		want                string
	}{
		{"nobody is trusted by default", "", "10.0.0.1", []string{"1.1.1.1"}, "10.0.0.1"},
		{"false trusts nobody", "false", "10.0.0.1", []string{"1.1.1.1"}, "10.0.0.1"},
		{"no hop trusts nobody", "0", "10.0.0.1", []string{"1.1.1.1"}, "10.0.0.1"},
		{"without the header it is the peer", "2", "10.0.0.1", nil, "10.0.0.1"},
		{"one hop believes the last entry only", "1", "10.0.0.1", []string{"6.6.6.6, 1.1.1.1"}, "1.1.1.1"},
		{"two hops believe two entries", "2", "10.0.0.1", []string{"6.6.6.6, 1.1.1.1, 2.2.2.2"}, "1.1.1.1"},
		{"more hops than entries end at the leftmost", "9", "10.0.0.1", []string{"1.1.1.1, 2.2.2.2"}, "1.1.1.1"},
		{"true believes the leftmost", "true", "10.0.0.1", []string{"1.1.1.1, 2.2.2.2, 3.3.3.3"}, "1.1.1.1"},
		{"several header lines are one list", "2", "10.0.0.1", []string{"6.6.6.6, 1.1.1.1", "2.2.2.2"}, "1.1.1.1"},
		{"a trusted network is passed through", "10.0.0.0/8", "10.0.0.1", []string{"6.6.6.6, 1.1.1.1, 10.9.9.9"}, "1.1.1.1"},
		{"an untrusted peer cannot forward", "10.0.0.0/8", "9.9.9.9", []string{"1.1.1.1"}, "9.9.9.9"},
		{"names and addresses can be mixed", "loopback, 9.9.9.9", "::1", []string{"1.1.1.1, 9.9.9.9"}, "1.1.1.1"},
		{"loopback includes all of 127", "loopback", "127.8.8.8", []string{"1.1.1.1"}, "1.1.1.1"},
		{"an IPv4 peer on an IPv6 socket is IPv4", "127.0.0.1", "::ffff:127.0.0.1", []string{"::ffff:1.1.1.1"}, "1.1.1.1"},
		{"a link-local peer is trusted whatever its zone", "linklocal", "fe80::1%eth0", []string{"2001:db8::1"}, "2001:db8::1"},
		{"a forged zone is dropped", "1", "10.0.0.1", []string{"fe80::1%" + `x"y`}, "fe80::1"},
		{"anything but an address ends the list", "true", "10.0.0.1", []string{"1.1.1.1, unknown, 2.2.2.2"}, "2.2.2.2"},
		{"an empty entry ends the reading", "true", "10.0.0.1", []string{"1.1.1.1,"}, "10.0.0.1"},
		{"an empty header says nothing", "true", "10.0.0.1", []string{""}, "10.0.0.1"},
		{"an address with a port is not an address", "1", "10.0.0.1", []string{"1.1.1.1:80"}, "10.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := trust(t, tt.setting).ClientIP(netip.MustParseAddr(tt.peer), tt.forwarded)
			if got.String() != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func FuzzTrustProxy(f *testing.F) {
	for _, s := range []string{"", "true", "2", "-1", "1.5", "loopback,10.0.0.0/8", "::1/129", "fe80::%x", "0x2", "1e2", "NaN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var p config.TrustProxy
		if p.UnmarshalText([]byte(text)) != nil {
			return
		}
		if p.Hops < -1 || p.Hops > 100 {
			t.Errorf("%q: got %d hops, want -1 to 100", text, p.Hops)
		}
		if p.Hops == -1 && !strings.EqualFold(strings.TrimSpace(text), "true") {
			t.Errorf("%q trusts everybody", text)
		}
		for _, r := range p.Ranges {
			if !r.IsValid() {
				t.Errorf("%q holds an invalid network", text)
			}
		}
	})
}

func FuzzClientIP(f *testing.F) {
	f.Add(0, "10.0.0.1", "1.1.1.1, 2.2.2.2", "3.3.3.3")
	f.Add(-1, "fe80::1%eth0", "a,b,,", "::ffff:1.2.3.4")
	f.Add(3, "::1", ",", "")
	f.Fuzz(func(t *testing.T, hops int, peerText, first, second string) {
		peer, err := netip.ParseAddr(peerText)
		if err != nil {
			return
		}
		if hops < 0 || hops > math.MaxInt32 {
			hops = -1
		}
		lines := []string{first, second}
		got := config.TrustProxy{Hops: hops}.ClientIP(peer, lines)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("got %v, want a plain address", got)
		}
		claimed := strings.Split(first+","+second, ",")
		own := peer.Unmap().WithZone("")
		if got == own {
			return
		}
		// A trusted address is among the last entries, one for each hop.
		if hops >= 0 {
			claimed = claimed[max(0, len(claimed)-hops):]
		}
		for _, c := range claimed {
			if a, err := netip.ParseAddr(strings.TrimSpace(c)); err == nil && a.Unmap().WithZone("") == got {
				return
			}
		}
		t.Errorf("got %v, which is neither the peer %v nor among %q", got, own, claimed)
	})
}
