# Pictures of who waits for whom, and what two programs differ in.
## make picture-NAME  draw who waits for whom while a server (picture-tas) serves three clients, in
##                   build/pictures/NAME.svg; needs strace. FROM=DIR: the server of a submission
## make pictures     draw all servers, and build/pictures/index.html with all of them
## make diff-A-B     what differs in two programs (diff-zens-mzts): SIDE=1 side by side
PICTURED := $(TCP_SERVERS) $(UDP_SERVERS) $(ASYNCIO_TCP) $(ASYNCIO_UDP) $(filter %s,$(FRAMING)) sszt-f sszu-f
.PHONY: pictures $(PICTURED:%=picture-%)
PICTURE := $(patsubst %,$(BUILD)/tests/picture/%.o,strace model draw scenario)
PICTURES := $(BUILD)/tests/picture/picture
DRAW = ZEN_KIT=$(KIT) $(PICTURES) -o $(BUILD)/pictures

$(PICTURES): $(PICTURE) $(GRADE_SUPPORT) \
             $(patsubst %,$(BUILD)/tests/%.o,picture/picture support/xml grade/download grade/results grade/tables)
	$(CXX) $(FLAGS) -o $@ $^

pictures: $(PICTURES) $(PROGRAMS)
	@$(DRAW)

submission = $(filter-out .,$(FROM))
pictured_program = $(filter %/$(1:%-f=%),$(PROGRAMS))
$(PICTURED:%=picture-%): picture-%: $(PICTURES) $$(if $$(submission),,$$(call pictured_program,%))
	@$(DRAW) $(if $(submission),-f '$(submission)') $*

diff-%: FORCE
	@SIDE='$(SIDE)' sh tests/diff.sh $*

$(BUILD)/tests/run: $(PICTURE)
test: | $(PICTURES) $(BUILD)/tests/demo # which tests run
