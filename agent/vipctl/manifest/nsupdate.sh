#!/bin/sh
# @FQDN@ leads to virtual addresses and to nothing else: with a server's own address some clients would go to
# one server, whether it is well or not. A minute is enough: the address moves between servers, the name never does.
# Whatever addresses the name had are replaced in one transaction; no other name is touched.
nsupdate@KEY_OPTION@ <<'END'
server @DNS_SERVER@ @DNS_PORT@
zone @ZONE@
update delete @FQDN@. A
update delete @FQDN@. AAAA
update add @FQDN@. 60 @ADDRESS_RECORD@ @ADDRESS@
send
END
# Look: dig @@DNS_SERVER@ -p @DNS_PORT@ +short @FQDN@ AAAA @FQDN@ A
