package config

import (
	"errors"
	"net"
	"net/url"
	"strconv"
)

// Postgres says which database to use. Without URL and Host the product runs
// its own; then User, Password, Database and Port describe that one.
type Postgres struct {
	URL      string
	Host     string
	Port     int
	Database string
	User     string
	Password string
}

func (p *Postgres) settings() []Setting {
	return []Setting{
		{Name: "DATABASE_URL", value: secret(&p.URL),
			Description: "a Postgres server of your own: postgres://user:password@host:port/database"},
		{Name: "POSTGRES_HOST", value: text(&p.Host),
			Description: "the host of that server, instead of DATABASE_URL"},
		{Name: "POSTGRES_PORT", Default: "5432", value: number(&p.Port, 1, 65535),
			Description: "its port; the product's own Postgres takes the next free one from here"},
		{Name: "POSTGRES_DB", Default: "insforge", value: text(&p.Database),
			Description: "the name of the database"},
		{Name: "POSTGRES_USER", Default: "postgres", value: text(&p.User),
			Description: "the user on a server of your own"},
		{Name: "POSTGRES_PASSWORD", value: secret(&p.Password),
			Description: "its password; unset, the product's own Postgres gets a random one, kept in secrets.json; one given for it needs at least 8 characters"},
	}
}

// Validate implements node.
func (p *Postgres) Validate() error {
	if p.External() {
		return nil
	}
	var wrong []error
	if p.User != "postgres" {
		wrong = append(wrong, errors.New("POSTGRES_USER has no effect on the product's own Postgres, whose owner is postgres; "+
			"unset it or name a server with POSTGRES_HOST"))
	}
	switch {
	case p.Password == "postgres":
		wrong = append(wrong, placeholderError("POSTGRES_PASSWORD"))
	case p.Password != "":
		wrong = append(wrong, checkPassword("POSTGRES_PASSWORD", p.Password))
	}
	return errors.Join(wrong...)
}

// External reports whether the database is not the product's to run.
func (p Postgres) External() bool { return p.URL != "" || p.Host != "" }

// DSN is the connection string of an external database.
func (p Postgres) DSN() string {
	if p.URL != "" {
		return p.URL
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(p.User, p.Password),
		Host:   net.JoinHostPort(p.Host, strconv.Itoa(p.Port)),
		Path:   "/" + p.Database,
	}
	return u.String()
}

// Secret is the password of an external database, also where it is part of the
// URL, decoded; "" when there is none.
func (p Postgres) Secret() string {
	if u, err := url.Parse(p.URL); err == nil && p.URL != "" {
		if password, ok := u.User.Password(); ok {
			return password
		}
		return u.Query().Get("password")
	}
	return p.Password
}
