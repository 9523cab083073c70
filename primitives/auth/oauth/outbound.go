package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/egress"
)

const (
	// callTimeout bounds one call to a provider, its answer included.
	callTimeout = 10 * time.Second
	// maxAnswerBytes bounds an answer, maxHeaderBytes its headers.
	maxAnswerBytes = 1 << 20
	maxHeaderBytes = 64 << 10
	// maxRedirects bounds the redirects of documents. Calls with credentials
	// follow none.
	maxRedirects = 3
)

// errTooLarge is returned in place of the rest of a large answer.
var errTooLarge = errors.New("answer is larger than 1 MiB")

// outbound calls providers. calls sends credentials and follows no redirect;
// documents fetches public documents.
type outbound struct{ calls, documents *http.Client }

// newOutbound returns the clients for fixed addresses, or for those from a
// configuration, which are guarded: no proxy, no private addresses.
func newOutbound(guarded, allowPrivate bool) outbound {
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: callTimeout}).DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    callTimeout,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        32,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	if guarded {
		transport.DialContext = egress.Guard{AllowPrivate: allowPrivate}.DialContext
		transport.Proxy = nil // a proxy would dial in our place, past the guard
	}
	bounded := limited{transport}
	return outbound{
		calls: &http.Client{Transport: bounded, Timeout: callTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		documents: &http.Client{Transport: bounded, Timeout: callTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return checkURL(r.URL, !guarded || allowPrivate)
		}},
	}
}

// checkURL returns an error unless u may be called: over https, or over http on
// the loopback interface if allowLoopback is set.
func checkURL(u *url.URL, allowLoopback bool) error {
	switch {
	case u.Host == "" || u.Hostname() == "":
		return errors.New("address has no host")
	case u.User != nil:
		return errors.New("address contains a user name")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && allowLoopback && isLoopback(u.Hostname()):
		return nil
	}
	return errors.New("address is not https")
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// limited cuts off answers that are too large.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err == nil {
		resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxAnswerBytes}
	}
	return resp, err
}

// cappedBody fails when the body is longer than left, rather than ending early.
type cappedBody struct {
	io.ReadCloser
	left int
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// getJSON fetches a JSON document, with an access token unless it is empty.
func getJSON(ctx context.Context, c *http.Client, address, token string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "insforge") // GitHub refuses requests without one
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) { // it repeats the query, which must not be logged
			err = failed.Err
		}
		return fmt.Errorf("ask %s: %w", r.URL.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", r.URL.Host, resp.Status)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s did not answer with the expected JSON: %w", r.URL.Host, err)
	}
	return nil
}
