// Package egress connects to hosts that a setting names, without letting the
// setting reach the server's own network: an administrator of a project is not
// an administrator of the machine.
//
// A name is resolved once, every answer is examined, and the connection goes
// to an address that was examined, so a name server that answers differently
// the next time gains nothing. It serves mail servers and, as the DialContext
// of an http.Transport, anything that speaks HTTP.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// maxDials is how many addresses of one name are tried.
const maxDials = 4

// The reasons why Resolve and DialContext refuse a host.
var (
	// ErrHost is returned for what is neither a host name nor an address.
	ErrHost = errors.New("not a host name or an IP address")
	// ErrPrivate is returned for a host that has an address that is not on the
	// public internet, even if it is one of several.
	ErrPrivate = errors.New("the host is, or resolves to, a private, loopback or otherwise special address")
)

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Guard decides where connections may go. The zero value allows public
// addresses only.
type Guard struct {
	// AllowPrivate allows every address, for an operator whose services are on
	// the same machine or network.
	AllowPrivate bool
	// Resolver is net.DefaultResolver when nil.
	Resolver Resolver
	// Dial connects to an address and port; a net.Dialer when nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Resolve returns the addresses of host, a name or an address, or ErrHost,
// ErrPrivate, or the resolver's error.
func (g Guard) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
		if !g.AllowPrivate && !Public(addr) {
			return nil, ErrPrivate
		}
	}
	return addrs, nil
}

func (g Guard) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return nil, ErrHost
		}
		return []netip.Addr{addr}, nil
	}
	if !isName(host) {
		return nil, ErrHost
	}
	var resolver Resolver = net.DefaultResolver
	if g.Resolver != nil {
		resolver = g.Resolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addrs, err
}

// DialContext connects to a host and port after Resolve has accepted the
// host. The addresses are tried in turn; each gets an equal share of the time
// that ctx leaves.
func (g Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHost, err)
	}
	addrs, err := g.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	dial := g.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	addrs = addrs[:min(len(addrs), maxDials)]
	var failures []error
	for i, addr := range addrs {
		conn, err := within(ctx, len(addrs)-i, func(ctx context.Context) (net.Conn, error) {
			return dial(ctx, network, net.JoinHostPort(addr.String(), port))
		})
		if err == nil {
			return conn, nil
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// within runs dial with one of shares equal parts of the time left.
func within(ctx context.Context, shares int, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return dial(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
	defer cancel()
	return dial(ctx)
}

// isName reports whether host is a well-formed DNS name. One whose last label
// is a number is not: it is one of the spellings of an IPv4 address
// (2130706433, 0x7f.1, 0177.0.0.1) that some resolvers understand.
func isName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notOfLabel) {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	if digits, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") != ""
	}
	return strings.Trim(last, "0123456789") != ""
}

func notOfLabel(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
