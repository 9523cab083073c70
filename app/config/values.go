package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ByteSize is a number of bytes, written as "100mb", "512kb", "1gb" or plain
// digits.
type ByteSize int64

// UnmarshalText parses a size. Units are powers of 1024.
func (b *ByteSize) UnmarshalText(text []byte) error {
	s := strings.ToLower(strings.TrimSpace(string(text)))
	factor := 1.0
	for _, unit := range []struct {
		suffix string
		bytes  float64
	}{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"b", 1}} {
		if rest, ok := strings.CutSuffix(s, unit.suffix); ok {
			s, factor = strings.TrimSpace(rest), unit.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if size := n * factor; err != nil || !(size >= 1 && size <= math.MaxInt64/2) { // NaN is neither
		return fmt.Errorf("%q is not a size such as 100mb", text)
	}
	*b = ByteSize(n * factor)
	return nil
}

// Milliseconds is a duration written as a whole number of milliseconds.
type Milliseconds time.Duration

// UnmarshalText parses positive digits.
func (m *Milliseconds) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q is not a positive number of milliseconds", text)
	}
	*m = Milliseconds(time.Duration(n) * time.Millisecond)
	return nil
}

// TrustProxy says whose X-Forwarded-For is trusted. The zero value trusts no
// proxy, so the client is the peer that opened the connection.
type TrustProxy struct {
	// Hops is the number of proxies in front, counted from this server; -1
	// trusts every hop.
	Hops int
	// Ranges are the networks whose proxies are trusted.
	Ranges []netip.Prefix
}

var named = map[string][]string{
	"loopback":    {"127.0.0.0/8", "::1/128"},
	"linklocal":   {"169.254.0.0/16", "fe80::/10"},
	"uniquelocal": {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
}

// UnmarshalText parses a number of hops, true, false, or a comma-separated
// list of addresses, networks and the names loopback, linklocal, uniquelocal.
func (t *TrustProxy) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	switch strings.ToLower(s) {
	case "false", "":
		*t = TrustProxy{}
		return nil
	case "true":
		*t = TrustProxy{Hops: -1}
		return nil
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		if n < 0 || n != math.Trunc(n) || n > 100 {
			return fmt.Errorf("%q: a number of hops is a whole number from 0 to 100", s)
		}
		*t = TrustProxy{Hops: int(n)}
		return nil
	}
	var ranges []netip.Prefix
	for _, item := range strings.Split(s, ",") {
		item = strings.TrimSpace(item)
		texts, ok := named[item]
		if !ok {
			texts = []string{item}
		}
		for _, text := range texts {
			p, err := prefix(text)
			if err != nil {
				return fmt.Errorf("%q is not an address, a network, loopback, linklocal or uniquelocal", item)
			}
			ranges = append(ranges, p)
		}
	}
	*t = TrustProxy{Ranges: ranges}
	return nil
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
}

// ClientIP returns the address of the client behind the trusted proxies. peer
// opened the connection; forwarded holds the X-Forwarded-For lines, each a
// comma-separated list. They are read from the right, up to the first address
// that is not a trusted proxy's: everything to the left of it is the client's
// own claim.
func (t TrustProxy) ClientIP(peer netip.Addr, forwarded []string) netip.Addr {
	client := plain(peer)
	hop := 1
	for _, line := range slices.Backward(forwarded) {
		for more := true; more; hop++ {
			if !t.trusts(client, hop) {
				return client
			}
			last := line
			if comma := strings.LastIndexByte(line, ','); comma >= 0 {
				line, last = line[:comma], line[comma+1:]
			} else {
				more = false
			}
			next, err := netip.ParseAddr(strings.TrimSpace(last))
			if err != nil {
				return client
			}
			client = plain(next)
		}
	}
	return client
}

// plain returns an IPv4 address in its short form, and any address without its
// zone, because no network contains an address with one.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func (t TrustProxy) trusts(proxy netip.Addr, hop int) bool {
	if t.Hops < 0 || hop <= t.Hops {
		return true
	}
	for _, p := range t.Ranges {
		if p.Contains(proxy) {
			return true
		}
	}
	return false
}
