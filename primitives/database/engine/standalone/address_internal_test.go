package standalone

import "testing"

func TestAddressesOfLibpq(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"postgres://u@h/d":                 "postgres://u@h/d",
		"postgres://u:?p&keepalives=1@h/d": "postgres://u:?p&keepalives=1@h/d",
		"postgres://u@h/d?keepalives=1":    "postgres://u@h/d?",
		"postgres://u@h/d?sslmode=require&keepalives_idle=30&tcp_user_timeout=5&gssencmode=disable": "postgres://u@h/d?sslmode=require",
		"postgres://u@h/d?gssencmode=require&requirepeer=x":                                         "postgres://u@h/d?gssencmode=require&requirepeer=x",
		"postgres://u@h/d?fallback_application_name=a%20b":                                          "postgres://u@h/d?application_name=a%20b",
		"postgresql:///d?application_name=own&fallback_application_name=other":                      "postgresql:///d?application_name=own",
		"host=h dbname=d":                                        "host=h dbname=d",
		"host=h keepalives=1 dbname=d":                           "host=h dbname=d",
		"host = h gssencmode = prefer dbname = 'd keepalives=1'": "host = h dbname = 'd keepalives=1'",
		`fallback_application_name='it\'s' host=h`:               `application_name='it\'s' host=h`,
		"no address": "no address",
	} {
		if got := databaseAddress(address); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}
