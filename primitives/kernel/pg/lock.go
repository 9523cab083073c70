package pg

import "context"

// Lock is an advisory lock that more than one primitive takes, so that changes
// which must agree with each other are made one at a time.
type Lock int64

// MailSettings guards what depends on mails being sent, and what decides
// whether they can be: verification needs a mail service, and one that
// verification needs cannot be switched off.
const MailSettings Lock = 1869573991

// Take waits for the lock, which tx then holds until it ends.
func (l Lock) Take(ctx context.Context, tx Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(l))
	return err
}
