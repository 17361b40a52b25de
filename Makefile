# The Zen lab kit, for GNU make. What can be made:
## make              build all programs
## make NAME         build one program (make zens) and say how to run it
## make framing      build the six programs of framing/; make asyncio those of asyncio/
## make demo         run each server with its client, and show what both print
## make test         run all tests
## make test-NAME    run the tests of one program (make test-zens), or of framing or asyncio
## make clean        remove everything that make has built
## make help         print this list
## Options: CXX=clang++, CXXFLAGS='-O0 -g', SAN=address,undefined or SAN=thread (built in build/)

# The programs. A new one is one word here; its source is NAME/NAME.cpp, framing/NAME.cpp, asyncio/NAME.cpp.
TCP_SERVERS := zens mzts sszt tas tap tae
UDP_SERVERS := zus mzus sszu uas uap uae
FRAMING := abs ads afs abc adc afc
ASYNCIO_TCP := tacb asynpro tacr tacs
ASYNCIO_UDP := uacb asyndg
ASYNCIO_ECHO := tacbc uacbc
ASYNCIO_OWN := tacn tacnc tacl chats chatc hget game gamec
ASYNCIO_TOOLS := tour words delays
ASYNCIO := $(ASYNCIO_TCP) $(ASYNCIO_UDP) $(ASYNCIO_ECHO) $(ASYNCIO_OWN) $(ASYNCIO_TOOLS)

ZEN := $(TCP_SERVERS) $(UDP_SERVERS) zenc zuc
FILES := $(foreach name,$(ZEN),$(name)/$(name)) $(FRAMING:%=framing/%) $(ASYNCIO:%=asyncio/%)
NEED_EPOLL := tae uae $(ASYNCIO)
CXXFLAGS ?= -O2 -g
FLAGS := -std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -pthread $(CXXFLAGS) \
         $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)

# The programs stand beside their sources; with SAN, all is in a directory of its own. (Its check vptr needs a free
# descriptor, and is wrong where there is none.)
BUILD := build$(if $(SAN),/$(SAN))
KIT := $(if $(SAN),$(BUILD),.)
# Only Linux has epoll. Elsewhere programs that need it are left out.
SYSTEM := $(shell uname -s)
LEFT_OUT := $(if $(filter Linux,$(SYSTEM)),,$(foreach name,$(NEED_EPOLL),$(filter %/$(name),$(FILES:%=$(KIT)/%))))
PROGRAMS := $(filter-out $(LEFT_OUT),$(FILES:%=$(KIT)/%))

.PHONY: all framing asyncio help clean FORCE $(ZEN) $(FRAMING) $(ASYNCIO)
all: $(PROGRAMS)
	$(if $(LEFT_OUT),@echo "Left out: $(notdir $(LEFT_OUT)) (need epoll of Linux; this is $(SYSTEM))")

$(PROGRAMS): $(KIT)/%: %.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -MMD -MP -MF $(BUILD)/$(@F).d -o $@ $<
$(LEFT_OUT): ; $(error $(@F) needs epoll of Linux; this is $(SYSTEM): LAB.md tells how to use a container)
# Another compiler or other flags rebuild everything, as this file changes only when they do.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CXX) $(FLAGS)' | cmp -s - $@ || echo '$(CXX) $(FLAGS)' > $@

# `make zens` builds zens/zens and says how to run it.
$(foreach file,$(FILES),$(eval $(notdir $(file)): $(KIT)/$(file)))
framing: $(FRAMING)
asyncio: $(ASYNCIO)
run = @echo "Run it:  $(KIT)/$(filter %/$@,$(FILES))
server = $(run)    and in another terminal:  ./$1   (make $(notdir $1))"
client = $(run)    while $1 runs in another terminal:  ./$2   (make $(notdir $2))"
$(TCP_SERVERS) $(ASYNCIO_TCP): ; $(call server,zenc/zenc)
$(UDP_SERVERS) $(ASYNCIO_UDP): ; $(call server,zuc/zuc)
tacn: ; $(call server,asyncio/tacnc)
tacnc: ; $(call client,its server,asyncio/tacn)
tacl: ; $(run) -a 2 3 4    while ./asyncio/tacn runs in another terminal   (make tacn)"
chats: ; $(run)    and in another terminal:  ./asyncio/chatc ada   (make chatc)"
chatc: ; $(run) ada    while ./asyncio/chats runs in another terminal   (make chats)"
hget: ; $(run) http://127.0.0.1:8000/    while a web server runs there"
game gamec: ; $(run)    and in another terminal:  nc 127.0.0.1 65432"
zenc: ; $(call client,a TCP server,zens/zens)
zuc: ; $(call client,a UDP server,zus/zus)
$(filter %s,$(FRAMING)): ; $(call server,framing/$(@:%s=%c))
$(filter %c,$(FRAMING)): ; $(call client,its server,framing/$(@:%c=%s))
$(ASYNCIO_ECHO): ; $(call client,its server (with -e),asyncio/$(@:%c=%))
tour words delays: ; $(run)    (-h tells more)"
help: ; @sed -n "s/^## //p" $(filter Makefile %/rules.mk,$(MAKEFILE_LIST))
clean: ; rm -rf build $(FILES)

# The headers that each program was built from, and what is tested, graded and measured.
-include $(wildcard $(BUILD)/*.d) tests/rules.mk
