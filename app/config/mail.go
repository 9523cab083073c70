package config

// Mail is how mails are sent, apart from what the administrator sets up.
type Mail struct {
	// Mailbox keeps mails for the administrator to read while no mail server
	// is set up, until the administrator decides otherwise.
	Mailbox bool
	// AllowPrivateHosts lets the administrator name a mail server in the
	// private network.
	AllowPrivateHosts bool
}

func (m *Mail) settings() []Setting {
	return []Setting{
		{Name: "MAILBOX", Default: "false", value: yesOrNo(&m.Mailbox),
			Description: "keep mails for the administrator to read while no SMTP server is set up"},
		{Name: "SMTP_ALLOW_PRIVATE_HOSTS", Default: "false", value: yesOrNo(&m.AllowPrivateHosts),
			Description: "let the SMTP server be in a private network"},
	}
}

// Validate implements node.
func (m *Mail) Validate() error { return nil }
