package egress_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

// names answers look-ups from a list, one answer set after the other where
// there are several, as a name server that rebinds does.
type names struct {
	mu      sync.Mutex
	answers map[string][][]string
	asked   []string
}

func (n *names) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, network+" "+host)
	sets := n.answers[host]
	if len(sets) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(sets) > 1 {
		n.answers[host] = sets[1:]
	}
	var out []netip.Addr
	for _, text := range sets[0] {
		out = append(out, netip.MustParseAddr(text))
	}
	return out, nil
}

func TestHostsThatAreNotPublicAreRefused(t *testing.T) {
	t.Parallel()
	resolver := &names{answers: map[string][][]string{
		"localhost":          {{"127.0.0.1"}},
		"localhost.":         {{"::1"}},
		"internal.test":      {{"10.1.2.3"}},
		"two.test":           {{"8.8.8.8", "169.254.169.254"}},
		"two6.test":          {{"8.8.8.8", "fe80::1"}},
		"mapped.test":        {{"::ffff:192.168.0.1"}},
		"metadata.test":      {{"169.254.169.254"}},
		"nat64.test":         {{"64:ff9b::7f00:1"}},
		"empty.test":         {{}},
		"_under.score.test.": {{"10.0.0.1"}},
	}}
	guard := egress.Guard{Resolver: resolver}
	private := []string{
		"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255",
		"192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "198.18.0.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "100::1",
		"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "::127.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
		"localhost", "localhost.", "internal.test", "two.test", "two6.test", "mapped.test", "metadata.test",
		"nat64.test", "_under.score.test.",
	}
	for _, host := range private {
		if got, err := guard.Resolve(t.Context(), host); !errors.Is(err, egress.ErrPrivate) {
			t.Errorf("%s: got %v, %v, want ErrPrivate", host, got, err)
		}
	}
	malformed := []string{
		"", ".", "..", "a..b", "2130706433", "0x7f000001", "0x7f.0x1", "0177.0.0.1", "127.1", "127.0.1", "127.0.0.1.",
		"1.2.3.4.5", "256.1.1.1", "00000000.1", "[::1]", "fe80::1%eth0", "::1%lo", "host name", "host\x00.test", "host\r\n.test",
		"user@host.test", "host.test:25", "host.test/x", "１２７.0.0.1", "ⓛocalhost", "http://host.test",
		strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 127) + "test",
	}
	for _, host := range malformed {
		if got, err := guard.Resolve(t.Context(), host); !errors.Is(err, egress.ErrHost) {
			t.Errorf("%q: got %v, %v, want ErrHost", host, got, err)
		}
	}
	var dns *net.DNSError
	for _, host := range []string{"unknown.test", "empty.test"} {
		if got, err := guard.Resolve(t.Context(), host); !errors.As(err, &dns) || !dns.IsNotFound {
			t.Errorf("%s: got %v, %v, want a name that is not found", host, got, err)
		}
	}
}

func TestPublicHostsPass(t *testing.T) {
	t.Parallel()
	guard := egress.Guard{Resolver: &names{answers: map[string][][]string{
		"smtp.test":  {{"8.8.8.8", "2606:4700:4700::1111", "::ffff:1.1.1.1"}},
		"0xg.test":   {{"8.8.4.4"}},
		"a1.b2.x3c":  {{"8.8.4.4"}},
		"1.mx.test.": {{"8.8.4.4"}},
	}}}
	for host, want := range map[string]string{
		"8.8.8.8":              "8.8.8.8",
		"172.32.0.1":           "172.32.0.1",
		"100.128.0.1":          "100.128.0.1",
		"::ffff:8.8.8.8":       "8.8.8.8",
		"2606:4700:4700::1111": "2606:4700:4700::1111",
		"64:ff9b::8.8.8.8":     "64:ff9b::808:808",
		"smtp.test":            "8.8.8.8 2606:4700:4700::1111 1.1.1.1",
		"0xg.test":             "8.8.4.4",
		"a1.b2.x3c":            "8.8.4.4",
		"1.mx.test.":           "8.8.4.4",
	} {
		addrs, err := guard.Resolve(t.Context(), host)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		var got []string
		for _, a := range addrs {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", host, diff)
		}
	}
}

func TestDialGoesToTheAddressThatWasExamined(t *testing.T) {
	t.Parallel()
	// The second answer is what a rebinding name server would give.
	resolver := &names{answers: map[string][][]string{"smtp.test": {{"8.8.8.8"}, {"127.0.0.1"}}}}
	var dialled []string
	guard := egress.Guard{Resolver: resolver, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		client, server := net.Pipe()
		t.Cleanup(func() { client.Close(); server.Close() })
		return client, nil
	}}
	if _, err := guard.DialContext(t.Context(), "tcp", "smtp.test:25"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"8.8.8.8:25"}, dialled); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"ip smtp.test"}, resolver.asked); diff != "" {
		t.Error(diff)
	}
	if _, err := guard.DialContext(t.Context(), "tcp", "smtp.test:25"); !errors.Is(err, egress.ErrPrivate) {
		t.Errorf("got %v for the rebound name, want ErrPrivate", err)
	}
	if len(dialled) != 1 {
		t.Errorf("dialled %v, want no connection to the private address", dialled)
	}
}

func TestDialTriesOtherAddressesWithinTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // time stands still unless everything waits
		dialWithinTheTime(t)
	})
}

func dialWithinTheTime(t *testing.T) {
	resolver := &names{answers: map[string][][]string{"many.test": {{"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"}}}}
	var shares []time.Duration
	guard := egress.Guard{Resolver: resolver, Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
		deadline, ok := ctx.Deadline()
		if !ok {
			t.Errorf("%s: no deadline", address)
		}
		shares = append(shares, time.Until(deadline))
		return nil, errors.New("refused by " + address)
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	_, err := guard.DialContext(ctx, "tcp", "many.test:465")
	if err == nil || !strings.Contains(err.Error(), "refused by 8.8.8.8:465") || !strings.Contains(err.Error(), "refused by 1.0.0.1:465") {
		t.Errorf("got %v, want what each address said", err)
	}
	// Nothing takes time here, so the shares of 40 seconds are a quarter, a third, a half and all of it.
	if diff := cmp.Diff([]time.Duration{10 * time.Second, 40 * time.Second / 3, 20 * time.Second, 40 * time.Second}, shares); diff != "" {
		t.Error(diff)
	}
}

func TestAllowPrivateReachesLoopback(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if conn, err := (egress.Guard{}).DialContext(t.Context(), "tcp", listener.Addr().String()); !errors.Is(err, egress.ErrPrivate) {
		t.Errorf("got %v, %v, want ErrPrivate", conn, err)
	}
	conn, err := egress.Guard{AllowPrivate: true}.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := (egress.Guard{AllowPrivate: true}).Resolve(t.Context(), "0177.0.0.1"); !errors.Is(err, egress.ErrHost) {
		t.Errorf("got %v, want ErrHost also where private hosts are allowed", err)
	}
}
