package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/insforge/insforge-go/app"
	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
)

// What names a project that runs elsewhere. They are not settings of the
// product: API_BASE_URL may be the address of one that serves others, which a
// command typed here must not reach by surprise.
const (
	urlEnv    = "INSFORGE_URL"
	apiKeyEnv = "INSFORGE_API_KEY"
)

const (
	callTimeout = 15 * time.Minute // a long migration
	maxAnswer   = 256 << 20
)

// project is a running project, as its administrator reaches it over HTTP.
type project struct {
	url string
	// key is the API key, sent unless there is a token, an administrator's.
	key, token string
	client     *http.Client
}

// projectFlags adds the flags that choose a project; the result finds it.
func projectFlags(c *cobra.Command) func() (*project, error) {
	dataDir := dataDirFlag(c)
	address := c.Flags().String("url", "", "address of a project that runs elsewhere (default "+urlEnv+")")
	key := c.Flags().String("api-key", "", "its API key (default "+apiKeyEnv+", which other users of this machine cannot see)")
	return func() (*project, error) {
		switch named := c.Flags().Changed("data-dir"); {
		case named && *address != "":
			return nil, codedError{errors.New("--data-dir and --url name different projects; give one of them"), exitUsage}
		case !named && *address == "":
			*address = os.Getenv(urlEnv)
		}
		if *address != "" {
			return remoteProject(*address, cmp.Or(*key, os.Getenv(apiKeyEnv)))
		}
		cfg, err := loadConfig(dataDir)
		if err != nil {
			return nil, err
		}
		return localProject(cfg, *key)
	}
}

// remoteProject never takes the key of the data directory, which is another
// project's.
func remoteProject(address, key string) (*project, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, codedError{fmt.Errorf("the project's address is %q; want one like https://host", printable(address)), exitUsage}
	}
	if key == "" {
		return nil, codedError{fmt.Errorf("%s needs an API key; set %s or give --api-key", address, apiKeyEnv), exitUsage}
	}
	return newProject(address, key), nil
}

func localProject(cfg config.Config, key string) (*project, error) {
	i, err := serving(cfg)
	if err != nil {
		return nil, err
	}
	if key == "" {
		s, err := storedSecrets(cfg)
		if err != nil {
			return nil, err
		}
		if key = s.APIKey; key == "" { // the environment of serve dictated it
			return nil, codedError{fmt.Errorf("the API key is not in the project's secrets file; set %s or give --api-key", apiKeyEnv), exitUsage}
		}
	}
	return newProject(i.URL, key), nil
}

// serving returns the process that serves the data directory.
func serving(cfg config.Config) (app.Instance, error) {
	running, err := app.Serving(cfg.DataDir)
	if err != nil {
		return app.Instance{}, err
	}
	if !running {
		return app.Instance{}, fmt.Errorf("no process serves %s; start one with insforge serve, or name another folder with --data-dir", cfg.DataDir)
	}
	i, err := app.ReadInstance(cfg.DataDir)
	if err != nil {
		return app.Instance{}, fmt.Errorf("the process that serves %s is starting or stopping; try again in a few seconds", cfg.DataDir)
	}
	return i, nil
}

func newProject(address, key string) *project {
	return &project{
		url: strings.TrimRight(address, "/"), key: key,
		client: &http.Client{
			Timeout: callTimeout,
			// The key is for this address only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// refusal is an error that the project answered.
type refusal struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Message     string `json:"message"`
	NextActions string `json:"nextActions"`
}

// Error has the code, for programs, and what to do next on its own line.
func (r refusal) Error() string {
	lines := []string{printable(fmt.Sprintf("%s (%s)", r.Message, r.Code))}
	if r.NextActions != "" {
		lines = append(lines, printable(r.NextActions))
	}
	if r.Status == http.StatusNotFound && r.Code == "NOT_FOUND" { // what is missing has its own code
		lines = append(lines, "the project may be served by an older version of insforge")
	}
	return strings.Join(lines, "\n")
}

// call sends a request, with a JSON body unless it is nil, and decodes the
// answer. It returns a refusal for a status of 400 and more.
func (p *project) call(ctx context.Context, method, path string, body, answer any) error {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, p.url+path, payload)
	if err != nil {
		return err
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	} else {
		r.Header.Set("X-API-Key", p.key)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	w, err := p.client.Do(r)
	if err != nil {
		return unreachable(p.url, err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(io.LimitReader(w.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", p.url, err)
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("the answer is larger than %d MB; ask for fewer rows", maxAnswer>>20)
	}
	return decode(p.url, w.StatusCode, text, answer)
}

// unreachable explains why a request got no answer.
func unreachable(address string, err error) error {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s refuses connections; start the project or check the address", address)
	case errors.As(err, &dns):
		return fmt.Errorf("the host of %s cannot be found (%s); check the address", address, dns.Err)
	case errors.As(err, &certificate):
		return fmt.Errorf("the certificate of %s is not trusted (%v)", address, certificate.Err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s does not speak TLS; try http:// instead of https://", address)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s did not answer in time; check the address and the firewall", address)
	}
	if request := (*url.Error)(nil); errors.As(err, &request) {
		err = request.Err // without the method and the address again
	}
	return fmt.Errorf("cannot reach %s: %w", address, err)
}

func decode(address string, status int, text []byte, answer any) error {
	if status >= http.StatusBadRequest {
		r := refusal{Status: status}
		if json.Unmarshal(text, &r) == nil && r.Code != "" {
			return r
		}
	}
	if status < 200 || status > 299 || json.Unmarshal(text, answer) != nil {
		return fmt.Errorf("%s answered with status %d, and not as an insforge project does; check the address", address, status)
	}
	return nil
}
