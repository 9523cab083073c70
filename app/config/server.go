package config

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Server is how the product is reached over HTTP.
type Server struct {
	// Host is the address to listen on. Loopback unless set: traffic to other
	// machines belongs behind TLS.
	Host string
	Port int
	// BaseURL is the address that links and callbacks use.
	BaseURL    string
	TrustProxy TrustProxy
	KeepAlive  Milliseconds
}

func (s *Server) settings() []Setting {
	return []Setting{
		{Name: "HOST", Default: "127.0.0.1", value: text(&s.Host),
			Description: "the address to listen on; 0.0.0.0 means all, for use behind a firewall or proxy"},
		{Name: "PORT", Default: "7130", value: number(&s.Port, 0, 65535),
			Description: "the port to listen on; 0 picks a free one"},
		{Name: "API_BASE_URL", value: text(&s.BaseURL),
			Description: "the http or https address that links and callbacks use; unset, http://localhost:PORT"},
		{Name: "TRUST_PROXY", Default: "false", value: parsed(&s.TrustProxy,
			"a number of proxies up to 100, true, false, or a list of addresses, networks, loopback, linklocal and uniquelocal"),
			Description: "the proxies whose X-Forwarded-For is trusted"},
		{Name: "KEEP_ALIVE_TIMEOUT_MS", Default: "65000", value: parsed(&s.KeepAlive, "a positive number of milliseconds"),
			Description: "how long an idle connection stays open"},
	}
}

// Validate implements node.
func (s *Server) Validate() error {
	if s.BaseURL == "" {
		s.BaseURL = "http://localhost:" + strconv.Itoa(s.Port)
	}
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	if u, err := url.Parse(s.BaseURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("API_BASE_URL is not an http(s) URL, for example https://api.example.com")
	}
	return nil
}
