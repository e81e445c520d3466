package rpz

import (
	"context"

	"github.com/nearcast/nearcast/plugin/rpz/internal/download"
)

// downloader returns what follows a list over HTTPS.
func (s *source) downloader() (func(context.Context), error) {
	o := &s.origin
	var err error
	s.list, err = download.New(download.Config{
		Zone: o.zone, URL: o.url, Checksum: o.checksum, Refresh: o.refresh, Trust: o.trust, Sources: o.sources,
		File: o.copy(), MaxRecords: o.limit,
	}, s.publish, reportDownload)
	if err != nil {
		return nil, err
	}
	return s.list.Run, nil
}

// reportDownload logs why a request failed: requests are minutes apart.
func reportDownload(e download.Event) {
	switch {
	case e.Recovered:
		log.Infof("zone %s: the last good copy is saved again", e.Zone)
	case e.Err != nil:
		log.Warningf("%v", e.Err)
	}
}
