-- Takes everything away again. The roles stay: another database of the same server may use them.
drop schema caudal cascade;
