package metadata

import (
	"errors"
	"net"
	"net/url"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// connection is how to reach the database, as a URL and in parts.
type connection struct {
	URL        string     `json:"connectionURL"`
	Parameters parameters `json:"parameters"`
}

type parameters struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Database string `json:"database"`
	User     string `json:"user"`
	Password string `json:"password"`
	SSLMode  string `json:"sslmode"`
}

var (
	urlScheme = regexp.MustCompile(`^postgres(ql)?://`)
	// sslMode finds the setting in a URL as well as in keywords and values.
	sslMode = regexp.MustCompile(`\bsslmode\s*=\s*'?([a-z-]+)`)
)

// parseConnection takes a connection string apart, a URL or keywords and
// values. What it leaves out is filled in as a client would.
func parseConnection(text string) (connection, error) {
	c, err := pgconn.ParseConfig(text)
	if err != nil {
		return connection{}, errors.New("the database's connection string cannot be parsed") // pgx's message may repeat it
	}
	p := parameters{Host: c.Host, Port: int(c.Port), Database: c.Database, User: c.User, Password: c.Password, SSLMode: "prefer"}
	if m := sslMode.FindStringSubmatch(text); m != nil {
		p.SSLMode = m[1]
	}
	if p.Database == "" {
		p.Database = p.User
	}
	if !urlScheme.MatchString(text) {
		text = p.url()
	}
	return connection{URL: text, Parameters: p}, nil
}

func (p parameters) url() string {
	u := url.URL{
		Scheme: "postgresql", User: url.UserPassword(p.User, p.Password),
		Host: net.JoinHostPort(p.Host, strconv.Itoa(p.Port)), Path: "/" + p.Database,
		RawQuery: url.Values{"sslmode": {p.SSLMode}}.Encode(),
	}
	return u.String()
}
